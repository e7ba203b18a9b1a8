"""ASGI entry point: ``uvicorn example.asgi:application``."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
# Requests run in changing threads: a connection that is kept would be kept once for each of them.
os.environ.setdefault("EXAMPLE_CONN_MAX_AGE", "0")

application = get_asgi_application()
