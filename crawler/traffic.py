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

    def count(self, now_s: float) -> None:
        """One was sent."""
        if not self.sent:
            self._first_sent_at_s = now_s
        self._last_sent_at_s = now_s
        self.sent += 1

    @property
    def rate(self) -> float:
        """Requests a second between the first and the last that were sent."""
        if self.sent < 2:
            return 0.0
        return (self.sent - 1) / max(self._last_sent_at_s - self._first_sent_at_s, 1e-9)

    def document(self) -> dict[str, Any]:
        """Its part of the report."""
        return {
            "requests_sent": self.sent,
            "retries": self.retries,
            "refused": self.refused,
            "rate_achieved": round(self.rate, 2),
            "protocols": dict(self.protocols),
        }
