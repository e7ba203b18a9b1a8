"""The requests that the crawl sends: how many, how often again, at what rate."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Traffic:
    """Counts requests of the plan."""

    def __init__(self) -> None:
        self.sent = 0
        self.retries = 0
        self.refused = 0
        """Turned away for visitors' sake, and sent again later."""
        self.protocols: Counter[str] = Counter()
        """Answers by the version of HTTP that was agreed on, where there is a choice."""
        self._first_sent_at_s = self._last_sent_at_s = 0.0
        self._was_full = False
        self._full_count, self._full_s = 0, 0.0

    def count(self, now_s: float, *, is_full: bool = False) -> None:
        """One was sent.

        Args:
            is_full: the rate is not less than ``WARM_RATE`` just now, as it is at the start and in trouble.
        """
        if not self.sent:
            self._first_sent_at_s = now_s
        if is_full and self._was_full:
            self._full_count += 1
            self._full_s += now_s - self._last_sent_at_s
        self._was_full = is_full
        self._last_sent_at_s = now_s
        self.sent += 1

    def pause(self) -> None:
        """Nothing is sent for a while."""
        self._was_full = False

    @property
    def rate(self) -> float:
        """Requests a second between the first and the last that were sent."""
        if self.sent < 2:
            return 0.0
        return (self.sent - 1) / max(self._last_sent_at_s - self._first_sent_at_s, 1e-9)

    @property
    def full_rate(self) -> float | None:
        """Requests a second while ``WARM_RATE`` was allowed in full; ``None`` where that never was."""
        return self._full_count / self._full_s if self._full_s else None

    def document(self) -> dict[str, Any]:
        """Its part of the report."""
        full_rate = self.full_rate
        return {
            "requests_sent": self.sent,
            "retries": self.retries,
            "refused": self.refused,
            "rate_achieved": round(self.rate, 2),
            "rate_at_full": None if full_rate is None else round(full_rate, 2),
            "protocols": dict(self.protocols),
        }
