"""When to wait for a site that suffers, and when to leave it alone. Pure policy."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from .answer import Answer

IN_A_ROW: Final = 12
"""So many signs of overload one after another end the run: three times the default concurrency."""
WINDOW: Final = 40
SHARE: Final = 0.5
"""So large a share of the last `WINDOW` answers ends it too."""

LONGEST_PAUSE_S: Final = 30.0
_PAUSES_S: Final = {"busy": (1.0, 3.0), "connection": (0.5,)}
"""Pause before each retry where the site does not say how long. A page that timed out is not asked for again: it may
still be computing."""


class OverloadGuard:
    """Counts signs of overload: 429, 503, timeouts and broken connections, but not plain server errors."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._recent: deque[bool] = deque(maxlen=WINDOW)

    def note(self, answer: Answer) -> str:
        """Count an answer; a text that says why the run must stop, or nothing."""
        self._in_a_row = self._in_a_row + 1 if answer.is_overload else 0
        self._recent.append(answer.is_overload)
        last = answer.detail or answer.reason
        if self._in_a_row >= IN_A_ROW:
            return f"{self._in_a_row} answers in a row say that the site is overloaded or gone (last: {last})"
        if answer.is_overload and len(self._recent) == WINDOW and sum(self._recent) >= SHARE * WINDOW:
            return f"{sum(self._recent)} of the last {WINDOW} answers say that the site is overloaded (last: {last})"
        return ""


def pause_before_retry_s(answer: Answer, attempt: int, retry_after: str = "", now: datetime | None = None) -> float:
    """Seconds to leave the site alone before this request is tried again, or 0 when it should not be.

    Args:
        attempt: how often it was tried, from 1.
        retry_after: the header of that name, seconds or a date.
    """
    pauses = _PAUSES_S.get(answer.reason, ())
    if attempt > len(pauses):
        return 0.0
    asked_s = parse_retry_after(retry_after, now or datetime.now(UTC))
    return min(max(asked_s, pauses[attempt - 1]), LONGEST_PAUSE_S)


def parse_retry_after(text: str, now: datetime) -> float:
    """Seconds that a ``Retry-After`` header asks for; 0 when there is none or it makes no sense."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return 0.0
    # A date with the zone -0000 comes back naive; it means UTC.
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((aware - now).total_seconds(), 0.0)
