"""What a crawl does while the site's own cache does not answer: wait for it, and then stop or go on. Pure policy.

Each page that is asked for meanwhile is computed, and not kept: it costs visitors time, and warms nothing. The site
says so in its traces. So requests are held back but for one now and then, and what came to nothing is asked for again
when the cache is back. After ``WARM_CACHE_WAIT`` the run ends, or, where that is wished for, goes on as if nothing was.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from .answer import Answer

CACHE_DOWN: Final = "cache-down"
"""The trace's reason."""
PROBE_EVERY_S: Final = 1.0


class CacheWatch:
    """See the module's description.

    Args:
        wait_s: how long each outage is waited for.
        clock: monotonic seconds.
    """

    def __init__(self, wait_s: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._wait_s = wait_s
        self._clock = clock
        self._down_since_s: float | None = None
        self._seen_down_at_s = 0.0
        self._down_s = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether the cache is down, and may still come back in time."""
        return self._down_since_s is not None and self._clock() - self._down_since_s < self._wait_s

    @property
    def down_s(self) -> float:
        """Seconds for which it was down, all in all, as far as anybody noticed."""
        return self._down_s + (0.0 if self._down_since_s is None else self._seen_down_at_s - self._down_since_s)

    def note(self, answer: Answer, sent_at_s: float) -> bool:
        """Learn from an answer; whether it came to nothing because the cache is down."""
        if answer.trace is None:
            return False
        if answer.trace.reason == CACHE_DOWN:
            self._seen_down_at_s = self._clock()
            self._down_since_s = self._seen_down_at_s if self._down_since_s is None else self._down_since_s
            return True
        # What was under way before says nothing of now, and a page that uses no cache says nothing at all.
        if self._down_since_s is not None and sent_at_s > self._seen_down_at_s and answer.trace.keys:
            self._down_s += self._clock() - self._down_since_s
            self._down_since_s = None
        return False
