"""The words that crawler and site share on the wire: header names, the signed ticket, the trace of cache keys.

A *ticket* travels with each request of a run and says "this request is part of run R, for exactly this URL, until T".
It grants observation only: the site answers as it answers everybody, and adds a *trace* of the cache keys it touched.
Whoever holds no valid ticket gets an ordinary response, without a hint that anything was checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from .errors import CacheWarmingError, ConfigurationError

TICKET_HEADER: Final = "X-Cache-Warming-Ticket"
TRACE_HEADER: Final = "X-Cache-Warming-Trace"
SITE_HEADER: Final = "X-Cache-Warming-Site"

TICKET_VERSION: Final = "1"
MIN_SECRET_CHARS: Final = 32
MAX_TICKET_CHARS: Final = 256
"""A longer header is refused before any cryptography is done with it."""
MAX_TRACE_BYTES: Final = 3800
"""Proxies buffer 4 to 8 KiB for all response headers together; a longer trace is cut, and says so."""
MAX_TRACE_JSON_BYTES: Final = 1 << 20
"""What a trace may expand to: a hostile server must not fill the crawler's memory with 4 KB of zeros, compressed."""

RUN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_EXPIRES = re.compile(r"[0-9]{1,12}", re.ASCII)
_PATH_SAFE = "/!$&'()*+,;=:@~-._"


class Purpose(StrEnum):
    """What a ticket asks the site for."""

    WARM = "warm"
    """Answer, and trace the cache keys."""
    HELLO = "hello"
    """Also say in ``SITE_HEADER`` how the site sees this request (see `django_hooks.middleware`)."""


class TicketRefusedError(CacheWarmingError):
    """A ticket is malformed, forged, expired, or for another request. ``args[0]`` is one word for a counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket that was checked, or is about to be signed."""

    run_id: str
    purpose: Purpose = Purpose.WARM
    expires_at_s: int
    """Unix time after which the site ignores the ticket."""


def check_secret(setting: str, secret: str, *, differs_from: str = "") -> None:
    """Raise `ConfigurationError` for a secret that is too short to sign with, or that is used elsewhere.

    Args:
        setting: the name to complain about.
        differs_from: another secret of the project (Django's ``SECRET_KEY``) that must not be reused: the ticket
            secret is also known to the pipeline, which must not learn to sign sessions.
    """
    if len(secret) < MIN_SECRET_CHARS:
        raise ConfigurationError(
            setting,
            f"needs at least {MIN_SECRET_CHARS} characters, has {len(secret)}; "
            "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    if differs_from and hmac.compare_digest(secret.encode(), differs_from.encode()):
        raise ConfigurationError(setting, "must differ from SECRET_KEY, which the pipeline must not know")


def canonical_target(target: str) -> str:
    """The request target in one spelling, so that both ends sign the same bytes.

    WSGI hands the path over decoded and ASGI may re-encode it; the query string arrives as it was sent. So the path is
    decoded and encoded again, and the query is left alone.
    """
    path, mark, query = target.partition("?")
    return quote(unquote_to_bytes(path), safe=_PATH_SAFE) + mark + query


def sign_ticket(ticket: Ticket, *, secret: str, host: str, target: str) -> str:
    """The header value for one GET request to ``host`` (with its port, as in the Host header) and ``target``."""
    signature = _signature(ticket, secret, host, target)
    return f"{TICKET_VERSION}.{ticket.run_id}.{ticket.purpose}.{ticket.expires_at_s}.{signature}"


def check_ticket(value: str, *, secrets: Sequence[str], method: str, host: str, target: str, now_s: float) -> Ticket:
    """The ticket in a header, if it is genuine, in time and for exactly this request.

    Args:
        value: the header as received.
        secrets: the current secret and, while it is being rotated, its predecessor.
        now_s: Unix time at the site.

    Raises:
        TicketRefusedError: with one word of `TicketRefusedError.args` saying why: ``malformed``, ``method``,
            ``forged`` or ``expired``.
    """
    parts = value.split(".") if len(value) <= MAX_TICKET_CHARS and value.isascii() else []
    if len(parts) != 5 or parts[0] != TICKET_VERSION:
        raise TicketRefusedError("malformed")
    _, run_id, purpose, expires, signature = parts
    if not RUN_ID.fullmatch(run_id) or purpose not in set(Purpose) or not _EXPIRES.fullmatch(expires):
        raise TicketRefusedError("malformed")
    if method != "GET":
        raise TicketRefusedError("method")
    ticket = Ticket(run_id=run_id, purpose=Purpose(purpose), expires_at_s=int(expires))
    # Every secret is tried, without a shortcut, so that the time taken does not tell which one came close.
    genuine = [hmac.compare_digest(signature, _signature(ticket, secret, host, target)) for secret in secrets]
    if not any(genuine):
        raise TicketRefusedError("forged")
    if now_s > ticket.expires_at_s:
        raise TicketRefusedError("expired")
    return ticket


def _signature(ticket: Ticket, secret: str, host: str, target: str) -> str:
    message = "\n".join(
        (
            TICKET_VERSION,
            ticket.run_id,
            ticket.purpose,
            str(ticket.expires_at_s),
            "GET",
            host.lower(),
            canonical_target(target),
        )
    )
    return hmac.new(secret.encode(), message.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


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
            private_aliases=frozenset(document["l"]),
            omitted=int(document["o"]),
            extra=dict(document.get("x", {})),
        )
    except (binascii.Error, zlib.error, KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(f"not a trace: {error!r}") from error


def _traced_keys(aliases: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterable[TracedKey]:
    for alias, key, event, kind, *version in rows:
        yield TracedKey(
            alias=str(aliases[alias]),
            key=str(key),
            event=KeyEvent(event),
            kind=KeyKind(kind),
            version=version[0] if version else None,
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
        return SiteView(**{**known, "private_aliases": tuple(known.get("private_aliases", ()))})
    except (TypeError, RecursionError) as error:
        raise ValueError(f"not a site view: {error!r}") from error
