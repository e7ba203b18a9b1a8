"""When the next request may leave: evenly spaced, so many at once, with pauses that the site asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

CATCH_UP_S: Final = 0.5
"""Turns are due on a schedule of their own, which does not drift when one is taken late: of what was missed on a busy
machine, this much time's worth is made up for. More is forfeited, and so is all that was missed during a pause."""
CATCH_UP_SPEED: Final = 1.25
"""What is made up for comes at most so many times faster than allowed, and not in a burst."""
TIMER_S: Final = 0.05
"""A timer fires late by a millisecond or so; at the higher speed no more than this is made up for."""
LONGEST_NAP_S: Final = 0.25
"""Waiting is cut into naps, so that a stop is noticed while the site asked for a long pause."""


class Stopped(Exception):  # noqa: N818 - not an error: the wait is over because the run is
    """The run was stopped while a request waited for its turn."""


class Schedule:
    """Turns that are due at equal distances, each counted from when the one before was due, and not from its coming.

    Args:
        speed: so many times the rate.
        slack_s: the schedule is never more than this behind the clock.
    """

    def __init__(self, speed: float, slack_s: float) -> None:
        self._speed = speed
        self._slack_s = slack_s
        self._last_s: float | None = None
        self._held_until_s = 0.0

    def due_s(self, rate: float) -> float:
        """When the next turn is due at this rate."""
        distance_s = 1 / (rate * self._speed) if rate else 0.0
        return self._held_until_s if self._last_s is None else max(self._last_s + distance_s, self._held_until_s)

    def take(self, now_s: float, rate: float) -> None:
        """The turn that was due is taken."""
        self._last_s = now_s if self._last_s is None else max(self.due_s(rate), now_s - self._slack_s)

    def hold(self, until_s: float) -> None:
        """Nothing is due before; what was is not made up for."""
        self._held_until_s = max(self._held_until_s, until_s)


class Pace:
    """Hands out turns in the order in which they were asked for.

    In any ten seconds there are at most a twentieth more than the rate allows, and in the long run none.

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
        self._schedules = (Schedule(1.0, CATCH_UP_S), Schedule(CATCH_UP_SPEED, TIMER_S))
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
            while (wait_s := self._due_s() - self._clock()) > 0:
                self._leave_if_stopping()
                await self._sleep(min(wait_s, LONGEST_NAP_S))
            self._leave_if_stopping()
            now_s, rate = self._clock(), self._rate()
            for schedule in self._schedules:
                schedule.take(now_s, rate)
            self._under_way += 1

    def _due_s(self) -> float:
        rate = self._rate()
        return max(schedule.due_s(rate) for schedule in self._schedules)

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

    def hold(self, seconds: float) -> float:
        """Let nothing leave for some time; the seconds by which that puts off the next turn."""
        now_s = self._clock()
        until_s, due_s = now_s + seconds, self._due_s()
        for schedule in self._schedules:
            schedule.hold(until_s)
        return max(until_s - max(due_s, now_s), 0.0)
