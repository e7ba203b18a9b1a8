"""The words of the lock that a crawl takes at the site, so that two machines do not crawl one environment at once.

The crawler asks for a path of its own with a ticket of purpose `Purpose.LEASE`; the claim is in the query, and so is
signed. The site's middleware answers before any view, with a `LeaseAnswer` in ``LEASE_HEADER``. The same request again
renews the lease; one of purpose `Purpose.RELEASE` ends it; otherwise it ends by itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlencode

LEASE_PATH: Final = "/cache-warming/lease/"
LEASE_HEADER: Final = "X-Cache-Warming-Lease"
MAX_CLAIM_CHARS: Final = 1000

_TOKEN: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_ENV: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_WORD: Final = re.compile(r"[\x21-\x7e]{0,100}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseClaim:
    """Who wants to crawl what."""

    env: str
    token: str
    """Of one process: a run that is resumed claims anew."""
    host: str
    pid: int
    file: str
    """The lock file of its machine, such that no other file of any machine is called the same."""
    since_s: int
    """Unix time at which the run began."""

    def query(self) -> str:
        """The claim as a query string."""
        return urlencode(asdict(self))

    @classmethod
    def read(cls, query: str) -> Self:
        """The claim in a query string.

        Raises:
            ValueError: it is none.
        """
        if len(query) > MAX_CLAIM_CHARS:
            raise ValueError("is too long")
        given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
        missing = [field.name for field in fields(cls) if field.name not in given]
        if missing:
            raise ValueError(f"lacks {', '.join(missing)}")
        if not _TOKEN.fullmatch(given["token"]) or not _ENV.fullmatch(given["env"]):
            raise ValueError("has a malformed token or environment")
        if not (_WORD.fullmatch(given["host"]) and _WORD.fullmatch(given["file"])):
            raise ValueError("has a malformed host or file")
        return cls(
            env=given["env"],
            token=given["token"],
            host=given["host"],
            pid=_number(given["pid"]),
            file=given["file"],
            since_s=_number(given["since_s"]),
        )


class LeaseState(StrEnum):
    """What became of a claim."""

    HELD = "held"
    """It is the claimant's, for ``ttl_s`` from now."""
    OTHER = "other"
    """Another run has it."""
    UNUSABLE = "unusable"
    """The site has no store that keeps a lock which its other processes see."""
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseAnswer:
    """What the site says."""

    state: LeaseState
    ttl_s: float = 0.0
    """After so many seconds without a sign of life the lease ends."""
    holder: str = ""
    """Who has it, when that is another."""
    since_s: int = 0
    """Unix time since which; 0 when it is not known."""
    detail: str = ""
    """Why it is unusable."""

    def encode(self) -> str:
        """The value of ``LEASE_HEADER``."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=True)

    @classmethod
    def decode(cls, value: str) -> Self:
        """The answer in a header; fields of later releases are ignored.

        Raises:
            ValueError: it is none.
        """
        try:
            document: dict[str, Any] = json.loads(value)
            return cls(
                state=LeaseState(document["state"]),
                ttl_s=min(max(float(document["ttl_s"]), 0.0), 86_400.0),
                holder=_printable(document["holder"]),
                since_s=_number(str(document["since_s"])),
                detail=_printable(document["detail"]),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not an answer about a lease: {error!r}") from error


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError(f"{text[:20]!r} is no number")
    return int(text)


def _printable(text: object) -> str:
    """One line for a terminal: what a site says is not trusted with control characters."""
    return "".join(c if c.isprintable() else " " for c in str(text))[:300]
