"""How a URL of a manifest looks at the other end of the connection."""

from __future__ import annotations

from urllib.parse import urlparse, urlunparse


def wire_target(url: str) -> str:
    """Path and query as they are seen at the other end: Twisted takes the URL apart, which drops an empty query.

    Django drops it too (``get_full_path``), so visitors who send it share the key of those who do not.
    """
    return urlunparse(urlparse(url))


def is_sendable(url: str) -> bool:
    """Whether Twisted sends this URL as it is, but for an empty query."""
    return wire_target(url) == url.removesuffix("?")
