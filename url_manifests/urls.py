"""Request targets in one spelling that stays faithful to Django's page key. Pure.

Django hashes the absolute URI: the path decoded and encoded again, so ``/%7Euser/`` and ``/~user/`` are one key; the
query as it was sent (only what no URI may hold is encoded), so ``?a=1&b=2`` and ``?b=2&a=1`` are two. Hence the path is
brought into one spelling here, and the query is left as it is but for tracking parameters, which the list in
`tracking` names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

PATH_SAFE: Final = "/!$&'()*+,;=:@~-._"
"""Also what `protocol.canonical_target` leaves alone, so both sign and list the same spelling."""
QUERY_SAFE: Final = "/%[]=:;$&()+,!?*@'~"
"""What ``django.utils.encoding.iri_to_uri`` leaves alone in a query, without the fragment mark."""
MAX_URL_CHARS: Final = 2000

_ABSOLUTE: Final = re.compile(rb"(?i:(https?|wss?))://([^/?#]*)([^#]*)")
_HOST: Final = re.compile(rb"(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_PLAIN_PATH: Final = re.compile(rb"[A-Za-z0-9/._~!$&'()*+,;=:@-]*")
_PLAIN_QUERY: Final = re.compile(rb"[A-Za-z0-9/%\[\]=:;$&()+,!?*@'~._-]*")
_DOT_SEGMENT: Final = re.compile(rb"/\.{1,2}(?:/|$)")
_ENCODED_SLASH: Final = re.compile(rb"%2[fF]")
_DEFAULT_PORTS: Final = {b"http": b":80", b"ws": b":80", b"https": b":443", b"wss": b":443"}


class CanonicalUrl(NamedTuple):
    """A target in its one spelling."""

    host: str
    """From an absolute URI, without a default port; empty for a plain path."""
    url: str
    unordered: str
    """The URL with its parameters sorted, the same for all orders; empty when there is nothing to sort."""
    dropped: int
    """How many tracking parameters were taken out."""


def canonical(target: bytes, is_tracking: Callable[[str], bool]) -> CanonicalUrl | None:
    """The one spelling of a target, or ``None`` for what is no URL that a page of this site could have.

    Args:
        target: a path with its query, or an absolute URI, as the log has it.
        is_tracking: whether a parameter of this name is taken out.
    """
    host = b""
    if not target.startswith(b"/"):
        match = _ABSOLUTE.fullmatch(target.partition(b"#")[0])
        if match is None:
            return None
        scheme, host, target = match[1].lower(), match[2], match[3]
        host = host.removesuffix(_DEFAULT_PORTS[scheme])
        target = target if target.startswith(b"/") else b"/" + target
    path, _, query = target.partition(b"#")[0].partition(b"?")
    if path.startswith(b"//") or b"\\" in path or (b"/." in path and _DOT_SEGMENT.search(path)):
        return None
    clean_query, dropped = _clean_query(query, is_tracking) if query else ("", 0)
    url = _clean_path(path) + (f"?{clean_query}" if clean_query else "")
    if len(url) > MAX_URL_CHARS or "\\" in url or not url.isprintable():
        return None
    unordered = _sorted_query(url) if "&" in clean_query else ""
    return CanonicalUrl(canonical_host(host), url, unordered, dropped)


def without_tracking(target: bytes, is_tracking: Callable[[str], bool]) -> bytes:
    """A target that `canonical` gives the same URL, shorter by its tracking parameters where that is easily told."""
    path, _, query = target.partition(b"?")
    if not _PLAIN_QUERY.fullmatch(query):
        return target
    clean_query, dropped = _clean_query(query, is_tracking)
    return (path + b"?" + clean_query.encode() if clean_query else path) if dropped else target


def _clean_path(path: bytes) -> str:
    if _PLAIN_PATH.fullmatch(path):
        return path.decode("ascii")
    # An encoded slash stays encoded: servers and proxies disagree whether it separates segments.
    parts = _ENCODED_SLASH.split(path)
    return "%2F".join(quote(unquote_to_bytes(part), safe=PATH_SAFE) for part in parts)


def _clean_query(query: bytes, is_tracking: Callable[[str], bool]) -> tuple[str, int]:
    text = query.decode("ascii") if _PLAIN_QUERY.fullmatch(query) else quote(query, safe=QUERY_SAFE)
    parameters = text.split("&")
    kept = [parameter for parameter in parameters if not is_tracking(parameter.partition("=")[0])]
    return ("&".join(kept) if len(kept) < len(parameters) else text), len(parameters) - len(kept)


def _sorted_query(url: str) -> str:
    path, _, query = url.partition("?")
    return f"{path}?{'&'.join(sorted(query.split('&')))}"


def canonical_host(raw: bytes) -> str:
    """A host name as manifests hold it: lower case, no default port; empty for a dash and for what is no host name."""
    if not raw:
        return ""
    host = raw.strip().lower()
    for port in (b":80", b":443"):
        host = host.removesuffix(port)
    host = host.rstrip(b".")
    return host.decode("ascii") if host != b"_" and _HOST.fullmatch(host) else ""
