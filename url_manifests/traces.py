"""The trace of cache keys that the site sends back for one ticketed request, and how the site saw that request.

Both travel in response headers, so a trace is packed and may be cut; what it leaves out is counted, never guessed.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

MAX_TRACE_BYTES: Final = 3800
"""Proxies buffer 4 to 8 KiB for all response headers together; a longer trace is cut, and says so."""
MAX_TRACE_JSON_BYTES: Final = 1 << 20
"""What a trace may expand to: a hostile server must not fill the crawler's memory with 4 KB of zeros, compressed."""


HEADER_LIST_PREFIX: Final = "views.decorators.cache.cache_header."
"""How Django begins the key under which it keeps which headers a page varies on; there are as many as caches look for
the page, and one that is there says nothing about the page itself."""


class KeyEvent(StrEnum):
    """What happened to one cache key during one request, seen over all its calls."""

    HIT = "h"
    """It was there when first looked up."""
    MISS = "m"
    """It was looked up, was not there, and nobody wrote it."""
    STORED = "s"
    """It was written, and read back after the response was ready."""
    LOST = "x"
    """It was written, yet the backend did not have it afterwards."""
    WRITTEN = "w"
    """It was written without being looked up first: a counter or a time stamp, which no warming can save."""


class KeyKind(StrEnum):
    """Which part of the site a key belongs to."""

    PAGE = "p"
    """An entry of Django's page cache: the list of ``Vary`` headers or the response itself."""
    PART = "f"
    """Everything else: a fragment, a row, a low-level key."""
    SECRET = "s"  # noqa: S105 - a letter of the file format
    """As a part, with a digest in place of the key, which lets somebody in; in outcome files only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedKey:
    """One cache key that a request touched."""

    alias: str
    key: str
    """As the application gave it to the cache; the backend adds prefix and version."""
    version: int | str | None = None
    """The explicit ``version=`` of the call, or ``None`` for the alias's own."""
    event: KeyEvent
    kind: KeyKind = KeyKind.PART


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What the site tells about one ticketed request."""

    keys: tuple[TracedKey, ...] = ()
    reason: str = ""
    """Why the page itself was not stored, a name of `url_manifests.reasons.REASONS`; empty for a hit or a store."""
    worker: str = ""
    """Which process answered; changes with each worker."""
    private_aliases: frozenset[str] = frozenset()
    """Aliases whose store only this process can see (LocMem) or that keep nothing (Dummy)."""
    omitted: int = 0
    """How many keys did not fit; those are unverified."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Room for what later releases say; unknown names are kept and ignored."""

    @property
    def page_hit(self) -> bool:
        """Whether the response itself came out of Django's page cache."""
        events = [key.event for key in self.keys if key.kind is KeyKind.PAGE]
        return bool(events) and all(event is KeyEvent.HIT for event in events)


def encode_trace(trace: Trace, max_bytes: int = MAX_TRACE_BYTES) -> str:
    """The header value: JSON, zlib, base64; keys are left out from the end until it fits in ``max_bytes``."""
    keep = len(trace.keys)
    while True:
        encoded = base64.b64encode(zlib.compress(_trace_json(trace, keep), 6)).decode("ascii")
        if len(encoded) <= max_bytes or keep == 0:
            return encoded
        # Shrink by the measured excess, at least by one key, so that a thousand keys take a handful of rounds.
        keep = min(keep - 1, keep * max_bytes // len(encoded))


def _trace_json(trace: Trace, keep: int) -> bytes:
    aliases = sorted({key.alias for key in trace.keys[:keep]} | trace.private_aliases)
    rows = [
        [aliases.index(key.alias), key.key, key.event, key.kind] + ([key.version] if key.version is not None else [])
        for key in trace.keys[:keep]
    ]
    document = {
        "v": 1,
        "a": aliases,
        "k": rows,
        "r": trace.reason,
        "w": trace.worker,
        "l": sorted(trace.private_aliases),
        "o": trace.omitted + len(trace.keys) - keep,
        **({"x": dict(trace.extra)} if trace.extra else {}),
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")


def decode_trace(value: str) -> Trace:
    """The trace in a response header.

    Raises:
        ValueError: the header is not a trace, is larger than `MAX_TRACE_JSON_BYTES`, or is of a newer version.
    """
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(base64.b64decode(value, validate=True), MAX_TRACE_JSON_BYTES)
        document = json.loads(raw)
        if document["v"] != 1:
            raise ValueError(f"trace version {document['v']!r} is unknown")
        return Trace(
            keys=tuple(_traced_keys(document["a"], document["k"])),
            reason=str(document["r"]),
            worker=str(document["w"]),
            private_aliases=frozenset(map(str, document["l"])),
            omitted=int(document["o"]),
            extra=dict(document.get("x", {})),
        )
    except (binascii.Error, zlib.error, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a trace: {error!r}") from error


def _traced_keys(aliases: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterable[TracedKey]:
    for alias, key, event, kind, *versions in rows:
        version = versions[0] if versions else None
        if not isinstance(version, int | str | None):
            raise TypeError(f"a version is {type(version).__name__}")
        yield TracedKey(
            alias=str(aliases[alias]),
            key=str(key),
            event=KeyEvent(event),
            kind=KeyKind(kind),
            version=version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """How the site sees a request of the crawler: what has to equal a visitor's for the cache keys to be the same."""

    absolute_uri: str
    """``request.build_absolute_uri()``, which Django's page key hashes."""
    language: str
    time_zone: str
    django: str
    release: str
    worker: str
    aliases: dict[str, str]
    """Cache alias → dotted path of its backend."""
    private_aliases: tuple[str, ...] = ()


def encode_site_view(view: SiteView) -> str:
    """The value of ``SITE_HEADER``."""
    return json.dumps(asdict(view), separators=(",", ":"), ensure_ascii=True)


def decode_site_view(value: str) -> SiteView:
    """The view in a ``SITE_HEADER``; fields of newer releases are ignored.

    Raises:
        ValueError: the header is not a view.
    """
    try:
        document = json.loads(value)
        known = {field.name: document[field.name] for field in fields(SiteView) if field.name in document}
        view = SiteView(**{**known, "private_aliases": tuple(map(str, known.get("private_aliases", ())))})
        return _checked(view)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"not a site view: {error!r}") from error


def _checked(view: SiteView) -> SiteView:
    for name in ("absolute_uri", "language", "time_zone", "django", "release", "worker"):
        if not isinstance(value := getattr(view, name), str):
            raise TypeError(f"{name} is {type(value).__name__}")
    if not isinstance(view.aliases, dict):
        raise TypeError(f"aliases is {type(view.aliases).__name__}")
    _ = urlsplit(view.absolute_uri).port  # raises ValueError for what is no URL
    return view
