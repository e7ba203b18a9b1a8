"""How long is asked, and what comes of it; against real workers see tests/flow/test_workers.py."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import cycle

import pytest

from crawler.answer import Answer
from crawler.outcome import judge
from crawler.plan import Planned
from crawler.target import Target
from crawler.workers import QUIET_ANSWERS, TRIES_PER_WORKER, EveryWorker
from url_manifests.outcomes import Outcome, Result
from url_manifests.traces import KeyEvent, KeyKind, Trace, TracedKey

from .test_outcome import PLANNED, failed, ok, page, part

TARGET = Target(base_url="http://10.0.0.1", tls_name="", scheme="https", host="shop.example", scheme_header=None)
PAGE = judge(PLANNED, ok(page("s"), private=("default",)), ok(page("h"), private=("default",)))
PARTS = judge(
    PLANNED,
    ok(part("s"), reason="private", private=("default",)),
    ok(part("h"), reason="private", private=("default",)),
)


class Workers:
    """Answer in turn, each out of its own memory from its second answer on."""

    def __init__(self, names: Sequence[str], kind: KeyKind = KeyKind.PAGE, **extra: object) -> None:
        self._turns = cycle(names)
        self._kind = kind
        self._extra = extra
        self.asked: Counter[str] = Counter()
        self.headers: set[tuple[str, str]] = set()

    async def __call__(self, planned: Planned, target: Target) -> Answer:
        name = next(self._turns)
        self.asked[name] += 1
        self.headers.update(planned.headers)
        event = KeyEvent.HIT if self.asked[name] > 1 else KeyEvent.STORED
        key = TracedKey(
            alias="default", key="page" if self._kind is KeyKind.PAGE else "part", event=event, kind=self._kind
        )
        return Answer(status=200, trace=Trace(keys=(key,), worker=name, extra=self._extra))


def make_sure(outcome: Outcome, workers: Workers, wanted: str, *, targets: int = 1) -> tuple[Outcome, EveryWorker]:
    every = EveryWorker([TARGET] * targets, wanted, lambda: True)
    return asyncio.run(every.make_sure(PLANNED, outcome, workers)), every


def test_a_page_is_proven_when_each_worker_gave_a_hit() -> None:
    workers = Workers("abc")
    now, every = make_sure(PAGE, workers, "3")
    assert (now.result, now.page, now.reason, now.detail) == (Result.STORED, Result.STORED, "", "warm in all 3 workers")
    assert {state.result for state in now.keys} == {Result.UNVERIFIABLE}
    assert workers.headers == {("Connection", "close")}
    (document,) = every.document() or ()
    assert set(document["hits"]) == {"a", "b", "c"}


def test_parts_are_proven_and_the_page_keeps_its_reason() -> None:
    now, _ = make_sure(PARTS, Workers("ab", KeyKind.PART), "2")
    assert (now.result, now.page, now.reason) == (Result.STORED, Result.NOT_STORED, "private")


def test_tries_are_bounded() -> None:
    workers = Workers("ab")
    now, _ = make_sure(PAGE, workers, "3")
    assert (now.result, now.reason) == (Result.UNVERIFIABLE, "private-store")
    assert now.detail == "warm in 2 of 3 workers of http://10.0.0.1"
    assert workers.asked.total() == 3 * TRIES_PER_WORKER


def test_the_number_of_workers_is_learned_once() -> None:
    workers = Workers("abcd")
    every = EveryWorker([TARGET], "auto", lambda: True)
    first = asyncio.run(every.make_sure(PLANNED, PAGE, workers))
    needed = workers.asked.total()
    assert first.result is Result.STORED
    assert QUIET_ANSWERS <= needed < QUIET_ANSWERS + 12
    second = asyncio.run(every.make_sure(PLANNED, PAGE, workers))
    assert second.result is Result.STORED
    assert workers.asked.total() - needed <= 8


def test_a_leak_is_a_leak_whoever_shows_it() -> None:
    leak = [{"alias": "default", "key": "k", "persona": "trade"}]
    now, _ = make_sure(PAGE, Workers("ab", leak=leak), "2")
    assert (now.result, now.reason, now.detail) == (Result.FAILED, "leak", "default:k of trade")


def test_answers_that_say_nothing_are_no_hits() -> None:
    async def broken(_planned: Planned, _target: Target) -> Answer:
        return failed("status-5xx", 500)

    every = EveryWorker([TARGET], "2", lambda: True)
    assert asyncio.run(every.make_sure(PLANNED, PAGE, broken)).detail == "warm in 0 of 2 workers of http://10.0.0.1"


@pytest.mark.parametrize("outcome", [judge(PLANNED, ok(page("s")), ok(page("h"))), judge(PLANNED, failed("timeout"))])
def test_only_private_stores_are_asked_again(outcome: Outcome) -> None:
    workers = Workers("ab")
    assert make_sure(outcome, workers, "2")[0] is outcome
    assert make_sure(PAGE, workers, "0")[0] is PAGE
    assert workers.asked.total() == 0


def test_a_run_that_is_to_end_asks_no_more() -> None:
    workers = Workers("ab")
    every = EveryWorker([TARGET], "2", lambda: False)
    assert asyncio.run(every.make_sure(PLANNED, PAGE, workers)).result is Result.UNVERIFIABLE
    assert workers.asked.total() == 0
