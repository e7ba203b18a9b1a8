"""The parameters of a query, as applications read them. Pure."""

from __future__ import annotations

from urllib.parse import unquote_plus


def pairs(query: str) -> list[tuple[str, str]]:
    """Decoded names and values; also the parts of ``;``-separated queries."""
    parts = [part for item in query.split("&") for part in item.split(";") if part]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in (part.partition("=") for part in parts)]
