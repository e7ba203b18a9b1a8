"""Which request headers a manifest may carry: those that choose a variant of a page, and none that choose a place.

A manifest is a file that people commit, merge and get from elsewhere. A header of it must not lead a request to another
site, pretend another method or address, sign somebody in, or speak for this program. (Those of the connection itself,
such as ``Host``, may stand in a profile that was copied from a browser; the crawler leaves them out.)
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_MISLEADING: Final = frozenset({
    "forwarded", "via", "upgrade", "expect", "x-http-method", "x-http-method-override", "x-method-override",
    "x-original-url", "x-rewrite-url", "x-script-name", "x-real-ip", "x-client-ip", "true-client-ip",
    "cf-connecting-ip",
})  # fmt: skip
"""Where to, by which method and from where, as frameworks and proxies take it from headers."""
_IDENTIFYING: Final = frozenset(
    {"authorization", "x-csrftoken", "x-api-key", "x-auth-token", "remote-user", "x-remote-user"}
)
_FORBIDDEN_PREFIXES: Final = ("x-forwarded-", "proxy-", "x-cache-warming-")


def is_sendable(name: str) -> bool:
    """Whether a manifest may ask for this header to be sent."""
    # WSGI servers may take the one for the other.
    lowered = name.lower().replace("_", "-")
    if lowered in _MISLEADING or lowered in _IDENTIFYING or lowered.startswith(_FORBIDDEN_PREFIXES):
        return False
    return _NAME.fullmatch(name) is not None
