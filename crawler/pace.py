"""When the next request may leave: evenly spaced, so many at once, with pauses that the site asks for."""

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
        rate: turns a second as they are allowed now, or 0 for no limit.
        concurrency: turns that may be held at once as it is allowed now; each is given back with `done`.
        is_stopping: asked while waiting; true ends every wait with `Stopped`.
    """

    def __init__(
        self,
        rate: Callable[[], float],
        concurrency: Callable[[], int],
        is_stopping: Callable[[], bool] = lambda: False,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._concurrency = concurrency
        self._is_stopping = is_stopping
        self._clock = clock
        self._sleep = sleep
        self._last = -1.0
        self._held_until = 0.0
        self._under_way = 0
        self._turn = asyncio.Lock()  # wakes those who wait in the order in which they came
        self._freed = asyncio.Event()

    async def turn(self) -> None:
        """Return when the next request may be sent.

        Raises:
            Stopped: the run ends first.
        """
        async with self._turn:
            await self._wait_for_room()
            # Computed anew after each nap: the rate may have changed meanwhile.
            while (wait_s := max(self._due_s(), self._held_until) - self._clock()) > 0:
                self._leave_if_stopping()
                await self._sleep(min(wait_s, LONGEST_NAP_S))
            self._leave_if_stopping()
            now_s, due_s = self._clock(), self._due_s()
            self._last = due_s if now_s - due_s <= CATCH_UP_S else now_s
            self._under_way += 1

    def _due_s(self) -> float:
        rate = self._rate()
        return self._last + (1 / rate if rate else 0.0)

    async def _wait_for_room(self) -> None:
        while self._under_way >= self._concurrency():
            self._leave_if_stopping()
            self._freed.clear()
            try:
                await asyncio.wait_for(self._freed.wait(), LONGEST_NAP_S)
            except TimeoutError:
                continue  # to see whether the run is stopping

    def _leave_if_stopping(self) -> None:
        if self._is_stopping():
            raise Stopped

    def done(self) -> None:
        """A turn is over: its request was answered, or never will be."""
        self._under_way -= 1
        self._freed.set()

    def hold(self, seconds: float) -> None:
        """Let nothing leave for some time."""
        self._held_until = max(self._held_until, self._clock() + seconds)
