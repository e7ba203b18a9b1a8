"""What a crawl does while a cache of the site's does not answer: wait for it, and then stop or go on. Pure policy.

Each page that is asked for meanwhile is computed, and not kept: it costs visitors time, and warms nothing. The site
says so in its traces. So requests are held back but for one now and then, and what came to nothing is asked for again
when the cache is back. After ``WARM_CACHE_WAIT`` the run ends, or, where that is wished for, goes on as if nothing was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from url_manifests.reasons import CACHE_DOWN
from url_manifests.traces import KeyEvent

from . import extras
from .answer import Answer

PROBE_EVERY_S: Final = 1.0
_PAST_S: Final = 5.0
"""After so long, at least, without being seen down again, a cache that no trace names is taken to be back."""
_ANY: Final = ""
"""Stands for an alias that the site does not name."""


@dataclass(slots=True)
class _Outage:
    since_s: float
    seen_at_s: float
    """When it was last seen not to answer."""


class CacheWatch:
    """See the module's description. Caches are told apart: that one answers says nothing of another.

    Args:
        wait_s: how long each outage is waited for.
        clock: monotonic seconds.
    """

    def __init__(self, wait_s: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._wait_s = wait_s
        self._clock = clock
        self._outages: dict[str, _Outage] = {}
        self._began_s = 0.0
        self._seen_down_at_s = 0.0
        self._down_s = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether a cache is down, and may still come back in time."""
        now_s = self._clock()
        return any(now_s - outage.since_s < self._wait_s for outage in self._outages.values())

    @property
    def down_s(self) -> float:
        """Seconds for which any was down, all in all, as far as anybody noticed."""
        return self._down_s + (self._seen_down_at_s - self._began_s if self._outages else 0.0)

    def note(self, answer: Answer, sent_at_s: float) -> bool:
        """Learn from an answer; whether it came to nothing because a cache is down."""
        if answer.trace is None:
            return False
        self._forget_what_is_long_past()
        if answer.trace.reason == CACHE_DOWN:
            self._note_down(extras.names(answer.trace, "down") or [_ANY])
            return True
        # What was under way before says nothing of now, and a page that uses no cache says nothing at all.
        if self._outages and sent_at_s > self._seen_down_at_s:
            answering = {key.alias for key in answer.trace.keys if key.event is not KeyEvent.LOST}
            if answering:
                self._end(answering | {_ANY}, self._clock())
        return False

    def _note_down(self, aliases: Iterable[str]) -> None:
        self._seen_down_at_s = now_s = self._clock()
        self._began_s = self._began_s if self._outages else now_s
        for alias in aliases:
            self._outages.setdefault(alias, _Outage(now_s, now_s)).seen_at_s = now_s

    def _forget_what_is_long_past(self) -> None:
        # Not every trace of a page that a cache served names it: keys of sessions are never told.
        past_s = self._clock() - max(self._wait_s, _PAST_S)
        self._end([alias for alias, outage in self._outages.items() if outage.seen_at_s < past_s], self._seen_down_at_s)

    def _end(self, aliases: Collection[str], ended_at_s: float) -> None:
        if ended := self._outages.keys() & set(aliases):
            self._outages = {alias: outage for alias, outage in self._outages.items() if alias not in ended}
            if not self._outages:
                self._down_s += ended_at_s - self._began_s
