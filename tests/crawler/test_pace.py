"""Turns are handed out evenly, in order, and never faster than allowed."""

from __future__ import annotations

import asyncio
import random
import time
from bisect import bisect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from crawler.pace import CATCH_UP_S, TIMER_S, Pace, Stopped


class Clock:
    """Time that passes only while somebody sleeps, and a little more than they asked for."""

    def __init__(self, late_by_s: float = 0.0) -> None:
        self.now_s = 100.0
        self.late_by_s = late_by_s

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds + self.late_by_s


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def paced(clock: Clock, rate: float, is_stopping: Callable[[], bool] = lambda: False) -> Pace:
    return Pace(lambda: rate, lambda: 10**9, is_stopping, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize("rate", [5, 20, 100])
@pytest.mark.parametrize("late_by_s", [0.0, 0.001, 0.004])
def test_late_timers_do_not_slow_it_down(rate: float, late_by_s: float) -> None:
    clock = Clock(late_by_s)
    pace = paced(clock, rate)

    async def take_turns() -> None:
        for _ in range(10 * rate + 1):
            await pace.turn()

    run(take_turns())
    assert clock.now_s - 100 == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("rate", [5, 20, 100])
def test_a_busy_machine_does_not_slow_it_down(rate: float) -> None:
    """Most timers are late by a little, and every ten seconds nothing runs for a third of one."""
    drawn = random.Random(rate)
    clock = Clock()
    sent_at_s: list[float] = []

    async def take_turns() -> None:
        pace = paced(clock, rate)
        for _ in range(60 * rate + 1):
            clock.late_by_s = drawn.uniform(0.2, 0.35) if drawn.random() < 0.1 / rate else drawn.expovariate(500)
            await pace.turn()
            sent_at_s.append(clock.now_s)

    run(take_turns())
    assert clock.now_s - 100 == pytest.approx(60, rel=0.01)
    # Nor is it ever faster than it may be: a twentieth more in ten seconds, a quarter in one, and one for the edges.
    for window_s, most in ((10, 1.05), (1, 1.25 + 1.25 * TIMER_S)):
        for first, began_at_s in enumerate(sent_at_s):
            assert bisect(sent_at_s, began_at_s + window_s) - first <= window_s * rate * most + 1.01


def test_what_was_missed_for_long_is_not_made_up_for() -> None:
    clock = Clock()
    pace = paced(clock, 10)

    async def take_turns() -> None:
        await pace.turn()
        clock.now_s += 60
        began_at_s = clock.now_s
        for _ in range(101):
            await pace.turn()
        assert clock.now_s - began_at_s == pytest.approx(10, abs=CATCH_UP_S + 0.01)

    run(take_turns())


def test_after_a_pause_it_goes_on_evenly() -> None:
    clock = Clock()
    pace = paced(clock, 10)

    async def take_turns() -> None:
        await pace.turn()
        pace.hold(30)
        await pace.turn()
        began_at_s = clock.now_s
        await pace.turn()
        assert clock.now_s - began_at_s == pytest.approx(0.1)

    run(take_turns())
    assert clock.now_s == pytest.approx(130.1)


def test_no_limit() -> None:
    clock = Clock()

    async def take_turns() -> None:
        pace = paced(clock, 0)
        for _ in range(1000):
            await pace.turn()

    run(take_turns())
    assert clock.now_s == 100


def test_a_pause_holds_everybody_also_those_who_wait_already() -> None:
    clock = Clock()

    async def take_turns() -> None:
        pace = paced(clock, 1)
        await pace.turn()
        waiting = asyncio.create_task(pace.turn())
        pace.hold(30)
        await waiting

    run(take_turns())
    assert clock.now_s == pytest.approx(130)


def test_turns_are_given_in_order() -> None:
    order = []

    async def take(pace: Pace, number: int) -> None:
        await pace.turn()
        order.append(number)

    async def take_turns() -> None:
        pace = Pace(lambda: 1000, lambda: 100)
        await asyncio.gather(*(take(pace, number) for number in range(50)))

    run(take_turns())
    assert order == list(range(50))


def test_a_stop_ends_every_wait() -> None:
    clock = Clock()

    async def take_turns() -> None:
        pace = paced(clock, 1, is_stopping=lambda: clock.now_s > 101)
        await pace.turn()
        pace.hold(1000)
        with pytest.raises(Stopped):
            await pace.turn()
        with pytest.raises(Stopped):
            await pace.turn()

    run(take_turns())
    assert clock.now_s < 102


@pytest.mark.parametrize("rate", [5, 20, 100])
def test_with_a_real_clock(rate: float) -> None:
    async def take_turns() -> None:
        pace = Pace(lambda: rate, lambda: 10**9)
        began_at_s = time.monotonic()
        for _ in range(2 * rate + 1):
            await pace.turn()
        assert time.monotonic() - began_at_s == pytest.approx(2, rel=0.05)

    run(take_turns())


def test_a_changed_rate_takes_effect_while_somebody_waits() -> None:
    clock = Clock()
    rates = iter([0.1, 0.1, 0.1, *[10.0] * 100])

    async def take_turns() -> None:
        pace = Pace(lambda: next(rates), lambda: 1, clock=clock, sleep=clock.sleep)
        await pace.turn()
        pace.done()
        await pace.turn()

    run(take_turns())
    assert clock.now_s < 101


def test_so_many_at_once() -> None:
    most = 0

    async def take_turns() -> None:
        pace, under_way = Pace(lambda: 0, lambda: 3), 0

        async def request() -> None:
            nonlocal under_way, most
            await pace.turn()
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1
            pace.done()

        await asyncio.gather(*(request() for _ in range(30)))

    run(take_turns())
    assert most == 3
