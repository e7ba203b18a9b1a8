"""One URL and what it is worth, and where a list of them comes from: the records of `manifest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One URL that visitors will ask for, and what it is worth."""

    url: str
    """Path and query exactly as visitors send them; Django's page key hashes both."""
    host: str = ""
    """The public host with its port if not the default one; empty when the log did not tell."""
    hits: int
    """Requests seen in the window."""
    predicted_hits: float | None = None
    """Requests expected in a window to come, where more than plain counting was done."""
    cold_ms: float | None = None
    warm_ms: float | None = None
    """Typical time at the server when the caches were cold and warm, where the log has times."""
    route: str = ""
    """The group that the URL belongs to, such as ``/en/p/*/``; limits and reports work by it."""
    variants: Mapping[str, float] = field(default_factory=dict)
    """Share of the visitors by header profile; empty means all of them by the header's first profile."""
    signed_in: float = 0.0
    """Share of the visitors with a session, where the log tells."""

    @property
    def expected_hits(self) -> float:
        """What the entry weighs in coverage: the requests that are expected for it."""
        return float(self.hits) if self.predicted_hits is None else self.predicted_hits

    @property
    def saving_ms(self) -> float | None:
        """Server time that a warm cache saves over the expected requests, or ``None`` without measured times."""
        if self.cold_ms is None or self.warm_ms is None:
            return None
        return self.expected_hits * max(self.cold_ms - self.warm_ms, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line: where the manifest comes from, and the header profiles that its variants name."""

    entries: int
    """How many lines follow; a file with fewer was cut."""
    window_start: datetime | None = None
    window_end: datetime | None = None
    totals: Mapping[str, Any] = field(default_factory=dict)
    """Counts of the build: lines, used, excluded by rule, rejected by reason."""
    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Profile name → request headers, byte for byte as that browser sends them."""
    sources: tuple[Mapping[str, Any], ...] = ()
    """Each input by its file name (never its path) with its format and number of lines."""
