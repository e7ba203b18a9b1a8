"""When to wait for a site that suffers, and when to leave it alone. Pure policy."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from time import monotonic
from typing import Final

from url_manifests.reasons import CACHE_INTERRUPTED

from .answer import Answer

OPENS_AFTER: Final = 6
"""So many signs of overload one after another open the circuit: nothing is sent for a while."""
OPEN_S: Final = (2.0, 4.0, 8.0)
"""How long, each time that the one request sent afterwards fares no better; then the run ends."""

WINDOW: Final = 40
SHARE: Final = 0.5
"""So large a share of the last `WINDOW` answers ends it too."""
ERRORS_WINDOW: Final = 50
ERRORS_SHARE: Final = 0.9
"""A few broken pages, or half of them, are the report's business. When nearly every answer is a server error, the
release itself is broken, and computing its error pages helps nobody."""

REFUSED_S: Final = 120.0
"""A site that turned every request away for so long, for its visitors' sake, is left to them."""

LONGEST_PAUSE_S: Final = 60.0
_PAUSES_S: Final = {"busy": (1.0, 3.0), "connection": (0.5,), CACHE_INTERRUPTED: (0.5, 2.0)}
"""Pause before each retry where the site does not say how long. A page that timed out is not asked for again: it may
still be computing."""
_JITTER: Final = 0.25
"""The share by which a pause is longer at most, so that several crawlers do not come back together."""

RETRIES_SHARE: Final = 0.1
RETRIES_FREE: Final = 10
"""A run makes so many retries, and one more for each ten requests: a site in trouble must not get twice the load."""


class Circuit(StrEnum):
    """Whether requests may be sent to the target."""

    CLOSED = "closed"
    """As ever."""
    OPEN = "open"
    """None, for a while."""
    HALF_OPEN = "half-open"
    """One, to see."""


class CircuitBreaker:
    """Counts signs of overload: 429, 503, time-outs and broken connections; and, apart from them, server errors.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._in_a_row = 0
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._errors: deque[bool] = deque(maxlen=ERRORS_WINDOW)
        self._open_until_s = 0.0
        self._refused_since_s: float | None = None
        self._openings = 0
        """Since it was last closed."""
        self.times_opened = 0

    @property
    def state(self) -> Circuit:
        if not self._openings:
            return Circuit.CLOSED
        return Circuit.OPEN if self._clock() < self._open_until_s else Circuit.HALF_OPEN

    @property
    def open_s(self) -> float:
        """Seconds for which nothing may be sent."""
        return max(self._open_until_s - self._clock(), 0.0)

    def note(self, answer: Answer, sent_at_s: float) -> str:
        """Count an answer to a request of that time; a text that says why the run must stop, or nothing."""
        if answer.is_refusal:
            return self._note_refusal()
        self._refused_since_s = None
        last = answer.detail or answer.reason
        self._recent.append(answer.is_overload)
        # Whatever the trace says more of it.
        self._errors.append(answer.reason in ("status-5xx", CACHE_INTERRUPTED) and (answer.status or 0) >= 500)
        if not answer.is_overload:
            self._in_a_row = self._openings = 0
        elif not self._openings or sent_at_s >= self._open_until_s:
            # Of what was under way when it opened, nothing more is to be learned.
            self._in_a_row += 1
            if self._in_a_row >= OPENS_AFTER and not self._open():
                return f"{self._in_a_row} answers in a row say that the site is overloaded or gone (last: {last})"
        if answer.is_overload and len(self._recent) == WINDOW and sum(self._recent) >= SHARE * WINDOW:
            return f"{sum(self._recent)} of the last {WINDOW} answers say that the site is overloaded (last: {last})"
        if len(self._errors) == ERRORS_WINDOW and sum(self._errors) >= ERRORS_SHARE * ERRORS_WINDOW:
            return f"{sum(self._errors)} of the last {ERRORS_WINDOW} answers are server errors (last: {last})"
        return ""

    def _note_refusal(self) -> str:
        # A refusal costs the site nothing, and says by itself when to come back: many at once are no sign of more.
        now_s = self._clock()
        self._refused_since_s = now_s if self._refused_since_s is None else self._refused_since_s
        refused_s = now_s - self._refused_since_s
        return f"for {refused_s:.0f} s it has turned away every request" if refused_s >= REFUSED_S else ""

    def _open(self) -> bool:
        if self._openings >= len(OPEN_S):
            return False
        self._open_until_s = self._clock() + OPEN_S[self._openings]
        self._openings += 1
        self.times_opened += 1
        return True


def may_retry(retries: int, requests_sent: int) -> bool:
    """Whether the run's retry budget has room for one more."""
    return retries < RETRIES_FREE + RETRIES_SHARE * requests_sent


def pause_before_retry_s(
    answer: Answer, attempt: int, retry_after: str = "", *, now: datetime | None = None, jitter: float = 0.0
) -> float:
    """Seconds to leave the site alone before this request is tried again, or 0 when it should not be.

    A site that asks for more than `LONGEST_PAUSE_S` is taken at its word: the request is not tried again. One that was
    turned away for visitors' sake is, however often: it was never tried.

    Args:
        attempt: how often it was tried, from 1.
        retry_after: the header of that name, seconds or a date.
        jitter: from 0 to 1, drawn by the caller.
    """
    reason = CACHE_INTERRUPTED if answer.is_interrupted and not answer.is_overload else answer.reason
    pauses = _PAUSES_S.get(reason, ())
    if attempt > len(pauses) and not answer.is_refusal:
        return 0.0
    asked_s = parse_retry_after(retry_after, now or datetime.now(UTC))
    pause_s = max(asked_s, pauses[min(attempt, len(pauses)) - 1]) * (1 + _JITTER * jitter)
    return pause_s if asked_s <= LONGEST_PAUSE_S else 0.0


def parse_retry_after(text: str, now: datetime) -> float:
    """Seconds that a ``Retry-After`` header asks for; 0 when there is none or it makes no sense."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    # A date with the zone -0000 comes back naive; it means UTC.
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((aware - now).total_seconds(), 0.0)
