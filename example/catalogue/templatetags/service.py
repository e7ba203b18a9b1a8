"""A template tag that asks a service of somebody else's, as carelessly as sites do: without a time limit."""

from __future__ import annotations

import os
import socket

from django import template

register = template.Library()


@register.simple_tag
def ask_service() -> str:
    """Return what the service at ``EXAMPLE_SERVICE`` says, however long that takes."""
    host, _, port = os.environ["EXAMPLE_SERVICE"].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        return connection.recv(100).decode()
