"""What a crawl does while a cache of the site's does not answer: wait for it, and then stop or go on. Pure policy.

Each page that is asked for meanwhile is computed, and not kept: it costs visitors time, and warms nothing. The site
says so in its traces. So requests are held back but for one now and then, and what came to nothing is asked for again
when the cache is back. After ``WARM_CACHE_WAIT`` the run ends, or, where that is wished for, goes on as if nothing was.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from url_manifests.reasons import CACHE_DOWN
from url_manifests.traces import KeyEvent

from . import extras
from .answer import Answer

PROBE_EVERY_S: Final = 1.0
_ANY: Final = ""
"""Stands for an alias that the site does not name."""


class CacheWatch:
    """See the module's description. Caches are told apart: that one answers says nothing of another.

    Args:
        wait_s: how long each outage is waited for.
        clock: monotonic seconds.
    """

    def __init__(self, wait_s: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._wait_s = wait_s
        self._clock = clock
        self._down_since_s: dict[str, float] = {}
        self._began_s = 0.0
        self._seen_down_at_s = 0.0
        self._down_s = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether a cache is down, and may still come back in time."""
        now_s = self._clock()
        return any(now_s - since_s < self._wait_s for since_s in self._down_since_s.values())

    @property
    def down_s(self) -> float:
        """Seconds for which any was down, all in all, as far as anybody noticed."""
        return self._down_s + (self._seen_down_at_s - self._began_s if self._down_since_s else 0.0)

    def note(self, answer: Answer, sent_at_s: float) -> bool:
        """Learn from an answer; whether it came to nothing because a cache is down."""
        if answer.trace is None:
            return False
        if answer.trace.reason == CACHE_DOWN:
            self._seen_down_at_s = self._clock()
            self._began_s = self._began_s if self._down_since_s else self._seen_down_at_s
            for alias in extras.names(answer.trace, "down") or [_ANY]:
                self._down_since_s.setdefault(alias, self._seen_down_at_s)
            return True
        # What was under way before says nothing of now, and a page that uses no cache says nothing at all.
        if self._down_since_s and sent_at_s > self._seen_down_at_s:
            answering = {key.alias for key in answer.trace.keys if key.event is not KeyEvent.LOST}
            if answering:
                self._answered(answering | {_ANY})
        return False

    def _answered(self, aliases: set[str]) -> None:
        self._down_since_s = {alias: since_s for alias, since_s in self._down_since_s.items() if alias not in aliases}
        if not self._down_since_s:
            self._down_s += self._clock() - self._began_s
