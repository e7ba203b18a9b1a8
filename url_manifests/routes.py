"""The group that a URL belongs to, guessed from its shape: ``/en/p/42/blue-lamp/?page=3`` → ``/en/p/*/*/?page``. Pure.

For logs that do not tell the route. The live recorder knows the real one from the URLconf.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_VARIABLE: Final = re.compile(
    r"""
    [0-9]+(?:[.,x-][0-9]+)*                # numbers, dates, sizes
    |[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}
    |(?=[^/]*[0-9])[0-9a-fA-F]{7,}         # digests
    |(?=[^/]*[0-9])[^/]*[-_.][^/]*         # slugs and names with a number in them
    |(?=[^/]*[0-9])[A-Za-z0-9]{5,}         # codes
    |[^/]*[-_][^/]*[-_][^/]*               # slugs of three words and more
    |[^/]*%[^/]*                           # percent-encoded text: titles in other scripts
    |[^/]{25,}
    """,
    re.VERBOSE,
)


def route_of(url: str) -> str:
    """The route of a path and query; parameters by name only, sorted."""
    path, _, query = url.partition("?")
    route = "/".join(map(_segment, path.split("/")))
    if not query:
        return route
    names = sorted({part.partition("=")[0] for part in query.split("&") if "=" in part})
    return f"{route}?{'&'.join(names)}"


def _segment(segment: str) -> str:
    # Numbers are the commonest, and would drive all else out of the cache.
    return "*" if segment.isdecimal() and segment.isascii() else _other_segment(segment)


@lru_cache(maxsize=8192)
def _other_segment(segment: str) -> str:
    if not segment or not _VARIABLE.fullmatch(segment):
        return segment
    stem, dot, ending = segment.rpartition(".")
    return f"*.{ending}" if dot and stem and ending.isalpha() and len(ending) <= 5 else "*"
