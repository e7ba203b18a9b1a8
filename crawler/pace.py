"""How fast requests may leave: one at a time, evenly spaced, with pauses that the site asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

CATCH_UP_S: Final = 0.05
"""A timer fires late by a millisecond or so. What was lost that way, up to this much, is made up for, or 100 requests
a second would be 90; what was lost by more is forfeited, or a pause would end in a burst."""
LONGEST_NAP_S: Final = 0.25
"""Waiting is cut into naps, so that a stop is noticed while the site asked for a long pause."""


class Stopped(Exception):  # noqa: N818 - not an error: the wait is over because the run is
    """The run was stopped while a request waited for its turn."""


class Pace:
    """Hands out turns in the order in which they were asked for.

    Args:
        rate: turns a second, or 0 for no limit.
        is_stopping: asked while waiting; true ends every wait with `Stopped`.
    """

    def __init__(
        self,
        rate: float,
        is_stopping: Callable[[], bool] = lambda: False,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval_s = 1 / rate if rate else 0.0
        self._is_stopping = is_stopping
        self._clock = clock
        self._sleep = sleep
        self._due = 0.0
        self._held_until = 0.0
        self._turn = asyncio.Lock()  # wakes those who wait in the order in which they came

    async def turn(self) -> None:
        """Return when the next request may be sent.

        Raises:
            Stopped: the run ends first.
        """
        async with self._turn:
            while (wait_s := max(self._due, self._held_until) - self._clock()) > 0:
                if self._is_stopping():
                    raise Stopped
                await self._sleep(min(wait_s, LONGEST_NAP_S))
            if self._is_stopping():
                raise Stopped
            now_s = self._clock()
            is_on_time = now_s - self._due <= CATCH_UP_S
            self._due = (self._due if is_on_time else now_s) + self._interval_s

    def hold(self, seconds: float) -> None:
        """Let nothing leave for some time."""
        self._held_until = max(self._held_until, self._clock() + seconds)
