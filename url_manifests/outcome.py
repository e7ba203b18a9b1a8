"""How one planned request ended, and which run it belongs to: the records of `outcomes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .traces import KeyKind


class Result(StrEnum):
    """How a planned entry and variant ended; each ends as exactly one."""

    ALREADY_WARM = "already_warm"
    """All of it was there."""
    STORED = "stored"
    """What was missing was written and read back."""
    NOT_STORED = "not_stored"
    """A good answer, but what it computed was not kept."""
    FAILED = "failed"
    """No usable answer."""
    SKIPPED = "skipped"
    """Not asked."""
    UNVERIFIABLE = "unverifiable"
    """Kept where we cannot look."""

    @property
    def is_proven(self) -> bool:
        """Whether the next visitor is known to be served from cache."""
        return self in (Result.ALREADY_WARM, Result.STORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """One cache key behind an outcome, for the cross-check to read back."""

    alias: str
    key: str
    version: int | str | None = None
    kind: KeyKind
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one planned request, or one directly written key, ended."""

    url: str
    """Path and query; for a key that a warmer wrote, ``warmer-name:key``."""
    host: str = ""
    profile: str = ""
    persona: str = ""
    """Role of the signed-in visitor; empty for an anonymous one."""
    found_in: str = ""
    """URL of the page that loads this one later; empty for what the manifest plans."""
    result: Result
    reason: str = ""
    """A name of `url_manifests.reasons.REASONS`; empty for a proven result whose page is proven too."""
    detail: str = ""
    """What a person needs beside the reason, such as ``500`` or an exception's text."""
    weight: float
    """Expected requests that this outcome stands for."""
    cacheable: bool = True
    """Whether the application lets the page or one of its parts be cached; counts towards ``coverage``."""
    status: int | None = None
    page: Result | None = None
    """The page alone; ``None`` when the answer was no usable page."""
    cold_ms: float | None = None
    warm_ms: float | None = None
    """Time to the complete answer, of the first and the second request."""
    expires_at_s: float | None = None
    """Unix time at which the first of what was stored ends by the application's own timeout, where it is known."""
    keys: tuple[KeyState, ...] = ()
    number: int | None = None
    """Position in a crawl's plan, from 0, by which a run is resumed; ``None`` for what no manifest plans."""

    @property
    def parts(self) -> Counter[Result]:
        """How many keys other than the page's own ended how."""
        return Counter(state.result for state in self.keys if state.kind is not KeyKind.PAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The first line: which run this is."""

    run_id: str
    env: str
    public_url: str = ""
    release: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
