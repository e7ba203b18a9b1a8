"""Whether a warm request may come in now, or visitors need the site for themselves. Pure policy, no clock of its own.

A warm request is refused on behalf of visitors, so only where there are any: a site that nobody else visited within the
last seconds answers every one. Otherwise these signs of suffering count, each with its limit in the settings:

* how many live requests this process is answering at this moment;
* how many connections wait for a worker to be free;
* how much longer live requests take than they used to (`LatencyWatch`);
* how late the event loop comes to what was due (under ASGI);
* how long a database connection has to be waited for;
* the machine's load average, where a limit was set;
* the word of another process on this host that visitors suffer there.

After a refusal no warm request comes in for some seconds, and for twice as long each time that this did not help.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Final, NamedTuple

LIVE_WITHIN_S: Final = 10.0
"""A visitor who came longer ago is not one to be considered."""
FIRST_HOLD_S: Final = 2.0
LONGEST_HOLD_S: Final = 30.0
RELAPSE_S: Final = 10.0
"""Suffering again within this time after a hold doubles the next one."""

FLOOR_S: Final = 0.005
"""Nobody notices whether a page took one millisecond or five."""
RECENT_S: Final = 10.0
RECENT_MIN: Final = 8
RECENT_MAX: Final = 32
KNOWN_AFTER: Final = 5
"""Requests of a kind before anything is said about the next."""
SLOWER_HALF_LIFE_S: Final = 1800.0
FASTER_HALF_LIFE_S: Final = 60.0
"""What is usual follows improvements fast and deteriorations slowly: a run must not get visitors used to being slow."""
FORGOTTEN_AFTER_S: Final = 60.0
"""Without warm requests for so long, a new run begins: what is usual is learnt anew from the requests before it."""
MAX_KINDS: Final = 1000


class Sample(NamedTuple):
    """One live request."""

    ended_at_s: float
    elapsed_s: float
    kind: Hashable
    """Requests of one kind take about the same time: route, status, and whether a page cache answered."""


@dataclass(slots=True)
class _Usual:
    seconds: float
    count: int
    learnt_at_s: float


class LatencyWatch:
    """How much longer live requests take than is usual for their kind."""

    def __init__(self) -> None:
        self._usual: dict[Hashable, _Usual] = {}
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT_MAX)
        self._asked_at_s = float("-inf")

    def ratio(self, samples: Iterable[Sample], now_s: float) -> float:
        """Take in what happened since the last call; the median ratio of the last seconds, 0 when it is not known."""
        if now_s - self._asked_at_s > FORGOTTEN_AFTER_S:
            self._usual.clear()
        self._asked_at_s = now_s
        for sample in samples:
            self._take(sample)
        recent = [ratio for ended_at_s, ratio in self._recent if now_s - ended_at_s <= RECENT_S]
        return median(recent) if len(recent) >= RECENT_MIN else 0.0

    def _take(self, sample: Sample) -> None:
        usual = self._usual.get(sample.kind)
        if usual is None:
            if len(self._usual) < MAX_KINDS:
                self._usual[sample.kind] = _Usual(sample.elapsed_s, 1, sample.ended_at_s)
            return
        if usual.count >= KNOWN_AFTER:
            self._recent.append((sample.ended_at_s, sample.elapsed_s / max(usual.seconds, FLOOR_S)))
        _learn(usual, sample)


def _learn(usual: _Usual, sample: Sample) -> None:
    usual.count += 1
    if usual.count <= KNOWN_AFTER:
        share = 1 / usual.count
    else:
        half_life_s = SLOWER_HALF_LIFE_S if sample.elapsed_s > usual.seconds else FASTER_HALF_LIFE_S
        share = 1 - 0.5 ** (max(sample.ended_at_s - usual.learnt_at_s, 0.0) / half_life_s)
    usual.seconds += share * (sample.elapsed_s - usual.seconds)
    usual.learnt_at_s = sample.ended_at_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on visitors suffer; 0 switches a sign off."""

    in_flight: int = 8
    waiting: int = 16
    """More than a crawl of usual concurrency puts there by itself."""
    latency_ratio: float = 2.0
    loop_lag_s: float = 0.1
    database_wait_s: float = 0.25
    load: float = 0.0
    """Load average of the last minute for each processor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What was measured just now."""

    live_ago_s: float = float("inf")
    """Seconds since the last live request was under way, 0 while one is."""
    in_flight: int = 0
    waiting: int = 0
    latency_ratio: float = 0.0
    loop_lag_s: float = 0.0
    database_wait_s: float = 0.0
    load: float = 0.0
    elsewhere: str = ""
    """What another process of this host said, within the last seconds."""


def suffering(readings: Readings, limits: Limits) -> str:
    """The first sign that visitors suffer, with its figures, or nothing."""
    if readings.elsewhere:
        return f"another process: {readings.elsewhere}"
    if readings.live_ago_s > LIVE_WITHIN_S:
        return ""
    for name in Limits.__slots__:
        value, limit = getattr(readings, name), getattr(limits, name)
        if limit and value >= limit:
            return f"{name} {value:.3g} of {limit:g}"
    return ""


class Hold:
    """How long warm requests stay out."""

    def __init__(self) -> None:
        self._until_s = float("-inf")
        self._length_s = 0.0
        self.why = ""

    def left_s(self, now_s: float) -> float:
        """Seconds until the next look, 0 when it is time for one."""
        return max(self._until_s - now_s, 0.0)

    def begin(self, why: str, now_s: float, *, is_hearsay: bool = False) -> None:
        """Visitors suffer; what was only heard of elsewhere is asked again soon."""
        is_relapse = not is_hearsay and now_s - self._until_s <= RELAPSE_S
        self._length_s = min(self._length_s * 2, LONGEST_HOLD_S) if is_relapse else FIRST_HOLD_S
        self._until_s = now_s + self._length_s
        self.why = why


def retry_after(left_s: float) -> str:
    """Whole seconds, at least one, as the header wants them."""
    return str(max(ceil(left_s), 1))
