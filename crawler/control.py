"""How much of the allowed load is used: less while the site suffers, more again when it does not. Pure policy.

Two levers. The number of requests under way at once comes first: it is what makes visitors wait in the same queue. The
rate follows when that is down to one, or when the site says in so many words that it is too much.

- *Slow start*: a fresh release imports, compiles and connects with its first requests. It begins with one request at
  a time and a quarter of the rate; each good answer adds to the one, each good second doubles the other.
- *Signs of overload* (429, 503, time-outs, broken connections) halve both, once a second at most: answers to what was
  already under way say nothing new.
- *Latency* is held against this run's own, of the same route, hits and misses apart: every other answer is a cache
  hit, and a page that is always slow is no sign. Twice as slow, in the mean of the last answers, takes a third off.
- *Visitors*: while the site has any, it is left alone after each answer for twice as long as that took.
- Afterwards both grow by small steps, and only while latency is near to what it was.
- A site that turned requests away for its visitors' sake has said how many at once are too many: that number is come
  back to so slowly that visitors have had their rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from math import exp, log
from statistics import median
from time import monotonic
from typing import Final

from . import extras
from .answer import Answer

START_SHARE: Final = 0.25
STEP_S: Final = 1.0
"""One reaction to trouble, or one step up, in so many seconds."""
GROWTH: Final = 0.05
"""What a good second gives back, as a share of the limit, once there was trouble."""
CEILING_GROWTH: Final = 0.01
"""What a good second gives back of the most at once, as a share of the limit, once requests were turned away."""
CEILING_FACTOR: Final = 0.75
OVERLOAD_FACTOR: Final = 0.5
LATENCY_FACTOR: Final = 0.7
LEAST_SHARE: Final = 0.02
SLOW: Final = 2.0
"""So many times its baseline is too slow."""
NEAR: Final = 1.5
"""Beyond this nothing grows."""

LEAVES: Final = 2.0
"""Where visitors are, the site is left alone after each answer for so many times as long as it took. Requests that are
evenly spaced still meet visitors' in the same worker; what keeps it busy for a third of the time delays few of them."""
LEAVES_AT_MOST_S: Final = 0.25
"""A page that takes a second is asked of a site with more workers than one, or it would have other troubles."""

_SMOOTHING: Final = 0.06
_SLACK_MS: Final = 10.0
"""Added to both sides, so that a hit that takes 3 ms instead of 1 is no alarm."""


class LoadController:
    """See the module's description.

    Args:
        max_rate: requests a second, or 0 for no limit.
        max_concurrency: requests under way at once.
        clock: monotonic seconds.
    """

    def __init__(self, max_rate: float, max_concurrency: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._max_rate = max_rate
        self._max_window = float(max_concurrency)
        self._clock = clock
        self._rate = max_rate * START_SHARE
        self._window = 1.0
        self._ceiling = self._max_window
        self._is_starting = True
        self._began_at_s: float | None = None
        self._counted_until_s = 0.0
        self._stepped_at_s = 0.0
        self._slowed_at_s = 0.0
        self._paused_until_s = 0.0
        self._granted = 0.0
        """Requests that were allowed so far."""
        self._latency = LatencyScore()
        self.slowdowns: Counter[str] = Counter()
        """Why, and how often, less was sent."""

    @property
    def rate(self) -> float:
        """Requests a second that may be sent now; 0 for no limit."""
        return self._rate

    @property
    def concurrency(self) -> int:
        """Requests that may be under way now."""
        return int(self._window)

    @property
    def mean_rate(self) -> float:
        """Requests a second that were allowed, in the mean from the first to the last; 0 for no limit."""
        elapsed_s = self._counted_until_s - (self._began_at_s or 0.0)
        return self._granted / elapsed_s if elapsed_s else self._rate

    def sent(self) -> None:
        """A request leaves."""
        now_s = self._clock()
        if self._began_at_s is None:
            self._began_at_s = self._counted_until_s = self._stepped_at_s = now_s
        self._count(now_s)
        if now_s - self._stepped_at_s >= STEP_S:
            self._stepped_at_s = now_s
            if self._latency.ratio < NEAR and now_s - self._slowed_at_s >= STEP_S:
                grown = self._rate * 2 if self._is_starting else self._rate + self._max_rate * GROWTH
                self._rate = min(grown, self._max_rate)
                self._ceiling = min(self._ceiling + self._max_window * CEILING_GROWTH, self._max_window)

    def pause(self, seconds: float) -> None:
        """Nothing may leave for some time."""
        now_s = self._clock()
        self._count(now_s)
        self._paused_until_s = max(self._paused_until_s, now_s + seconds)

    def _count(self, now_s: float) -> None:
        self._granted += self._rate * max(now_s - max(self._counted_until_s, self._paused_until_s), 0.0)
        self._counted_until_s = now_s

    def note(self, answer: Answer, route: str) -> None:
        """Learn from an answer."""
        if answer.is_overload:
            at_once = self._window
            if self._slow_down("refused" if answer.is_refusal else answer.reason, OVERLOAD_FACTOR):
                self._ceiling = max(at_once * CEILING_FACTOR, 1.0) if answer.is_refusal else self._ceiling
            return
        if not answer.reason:
            is_hit = answer.trace is not None and answer.trace.page_hit
            self._latency.note((route, is_hit), answer.elapsed_ms)
        if self._latency.ratio >= SLOW:
            self._slow_down("latency", LATENCY_FACTOR)
        elif self._latency.ratio < NEAR:
            step = 1.0 if self._is_starting else 1 / self._window
            self._window = min(self._window + step / 2, self._ceiling)

    def _slow_down(self, why: str, factor: float) -> bool:
        """Take less, unless that was done within the last second."""
        now_s = self._clock()
        if self._slowed_at_s and now_s - self._slowed_at_s < STEP_S:
            return False
        self._count(now_s)
        self._slowed_at_s = self._stepped_at_s = now_s
        self._is_starting = False
        self.slowdowns[why] += 1
        if why != "latency" or self._window < 2:
            self._rate = max(self._rate * factor, self._max_rate * LEAST_SHARE)
        self._window = max(self._window * factor, 1.0)
        return True


def leave_to_visitors_s(answer: Answer) -> float:
    """Seconds for which nothing should be sent after this answer, because the site says that it has visitors."""
    if answer.trace is None or not extras.has_visitors(answer.trace):
        return 0.0
    return min(LEAVES * answer.elapsed_ms / 1000, LEAVES_AT_MOST_S)


class LatencyScore:
    """How slow the last answers were, compared to what such answers took at their best."""

    MAX_KINDS: Final = 200
    FIRST: Final = 9
    """Answers of a kind before there is a baseline, their median."""
    SOME: Final = 50
    """After each so many, their median may lower it; the first time it may also raise it, by half at most."""

    def __init__(self) -> None:
        self._recent: dict[Hashable, list[float]] = {}
        self._baseline_ms: dict[Hashable, float] = {}
        self._settled: set[Hashable] = set()
        self._log_ratio = 0.0

    @property
    def ratio(self) -> float:
        """1 for as fast as ever, 2 for twice as slow; the geometric mean, in which the last answers count most."""
        return exp(self._log_ratio)

    def note(self, kind: Hashable, elapsed_ms: float) -> None:
        """Compare an answer with those of its kind, and remember it."""
        if kind not in self._recent and len(self._recent) >= self.MAX_KINDS:
            return
        recent = self._recent.setdefault(kind, [])
        recent.append(elapsed_ms)
        if kind in self._baseline_ms:
            log_ratio = log((elapsed_ms + _SLACK_MS) / (self._baseline_ms[kind] + _SLACK_MS))
            self._log_ratio += _SMOOTHING * (log_ratio - self._log_ratio)
        elif len(recent) == self.FIRST:
            self._baseline_ms[kind] = median(recent)
        if len(recent) == self.SOME:
            self._settle(kind, median(recent))
            recent.clear()

    def _settle(self, kind: Hashable, median_ms: float) -> None:
        # What is fast now shows what the site can do; what is slow now shows only that it is slow now.
        highest_ms = self._baseline_ms[kind] * (1.0 if kind in self._settled else 1.5)
        self._settled.add(kind)
        self._baseline_ms[kind] = min(median_ms, highest_ms)
