"""The words that crawler and site share on the wire: header names and the signed ticket; `traces` is what comes back.

A *ticket* travels with each request of a run and says "this request is part of run R, for exactly this URL, until T".
It grants observation only: the site answers as it answers everybody, and adds a *trace* of the cache keys it touched.
Whoever holds no valid ticket gets an ordinary response, without a hint that anything was checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from .errors import CacheWarmingError, ConfigurationError

TICKET_HEADER: Final = "X-Cache-Warming-Ticket"
TRACE_HEADER: Final = "X-Cache-Warming-Trace"
SITE_HEADER: Final = "X-Cache-Warming-Site"
REFUSAL_HEADER: Final = "X-Cache-Warming-Refusal"
"""On a 503 to a valid ticket: a `Refusal`, and after a semicolon why."""

TICKET_VERSION: Final = "1"
MIN_SECRET_CHARS: Final = 32
MAX_TICKET_CHARS: Final = 256
"""A longer header is refused before any cryptography is done with it."""

RUN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_EXPIRES = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
"""In the one spelling that is signed: with a leading zero, two headers would be the same ticket."""
_PATH_SAFE = "/!$&'()*+,;=:@~-._"


class Purpose(StrEnum):
    """What a ticket asks the site for."""

    WARM = "warm"
    """Answer, and trace the cache keys."""
    HELLO = "hello"
    """Also say in ``SITE_HEADER`` how the site sees this request (see `django_hooks.middleware`)."""
    LEASE = "lease"
    """Take, or renew, the lock of this environment's crawls, and answer nothing else (see `url_manifests.lease`)."""
    RELEASE = "release"
    """End it."""


class Refusal(StrEnum):
    """Why a site does not answer a warm request although its ticket is good."""

    BUSY = "busy"
    """Visitors need the site for themselves: come back after ``Retry-After``."""
    STOP = "stop"
    """Somebody stopped all runs: do not come back."""


def refusal_in(header: str) -> Refusal | None:
    """The refusal in a ``REFUSAL_HEADER``; ``None`` for words of later releases."""
    if not header:  # as in nearly every answer
        return None
    word = header.partition(";")[0].strip()
    return Refusal(word) if word in set(Refusal) else None


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
