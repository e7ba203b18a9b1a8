"""How a URL of a manifest looks at the other end of the connection."""

from __future__ import annotations


def wire_target(url: str) -> str:
    """Path and query as they are seen at the other end: aiohttp sends them as they are, but for an empty query.

    Django drops it too (``get_full_path``), so visitors who send it share the key of those who do not.
    """
    path, _, query = url.partition("?")
    return url if query else path
