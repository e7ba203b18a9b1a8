"""What waits for proof, and for how long."""

from __future__ import annotations

import pytest

from crawler import parked
from crawler.answer import Answer
from crawler.parked import Parked
from crawler.plan import Visitors
from crawler.visit import Visit
from url_manifests.outcomes import Result
from url_manifests.traces import Trace

from .test_outcome import failed, ok, page
from .test_visit import LEAK, planned, visitors  # noqa: F401 - a fixture


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def filled(visitors: Visitors, *answers: Answer) -> Visit:  # noqa: F811
    visit = Visit(planned(visitors, *([""] * len(answers))), visitors)
    for answer in answers:
        assert visit.to_fill is not None
        visit.fill(answer)
    return visit


def test_the_first_comes_first_and_none_too_late(visitors: Visitors) -> None:  # noqa: F811
    clock, visits = Clock(), [filled(visitors, ok(page("s"))) for _ in range(3)]
    waiting = Parked(60.0, clock)
    for visit in visits:
        assert waiting.park(visit)
        clock.now_s += 30
    assert (len(waiting), waiting.requests) == (3, 3)
    assert waiting.due() is visits[0]  # 90 s
    assert waiting.due() is visits[1]  # 60 s
    assert waiting.due() is None  # 30 s
    assert waiting.next() is visits[2]
    assert (waiting.next(), waiting.requests, len(waiting)) == (None, 0, 0)


@pytest.mark.parametrize(("name", "most"), [("MOST", 5), ("MOST_KEYS", 10)])
def test_so_many_wait_and_no_more(visitors: Visitors, monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> None:  # noqa: F811
    monkeypatch.setattr(parked, name, most)
    waiting = Parked(60.0, Clock())
    for _ in range(20):
        waiting.park(filled(visitors, ok(page("s"), page("s", "header"))))
        while waiting.due():
            pass
    assert len(waiting) == 5


def test_what_must_not_wait(visitors: Visitors) -> None:  # noqa: F811
    waiting = Parked(60.0, Clock())
    trace = Trace(keys=(page("s"),), extra={"page_ttl_s": 299})
    assert not waiting.park(filled(visitors, Answer(status=200, trace=trace, answered_at_s=5.0)))
    assert not waiting.park(filled(visitors, Answer(status=200, trace=Trace(keys=(page("s"),), extra=LEAK))))
    assert not waiting.park(Visit(planned(visitors, "", "trade"), visitors))
    assert not Parked(0.0, Clock()).park(filled(visitors, ok(page("s"))))
    lasting = Trace(keys=(page("s"),), extra={"page_ttl_s": 301})
    assert waiting.park(filled(visitors, Answer(status=200, trace=lasting, answered_at_s=5.0)))


def test_variants_are_filled_before_the_first_is_proven(visitors: Visitors) -> None:  # noqa: F811
    visit = filled(visitors, ok(page("s")), ok(page("h")), failed("status-5xx", 500), ok(page("s", "other")))
    assert (visit.to_fill, visit.requests_left, visit.keys_held) == (None, 2, 3)
    assert not visit.is_between_variants
    assert visit.settled() is None  # the first needs proof
    first = visit.take(ok(page("h")))
    assert first is not None
    second, third = visit.settled(), visit.settled()
    assert second is not None
    assert third is not None
    assert visit.settled() is None
    fourth = visit.take(ok(page("h", "other")))
    assert fourth is not None
    assert visit.is_over
    assert visit.settled() is None
    assert [outcome.result for outcome in (first, second, third, fourth)] == [
        Result.STORED, Result.ALREADY_WARM, Result.FAILED, Result.STORED
    ]  # fmt: skip
    assert [outcome.number for outcome in (first, second, third, fourth)] == [0, 1, 2, 3]


def test_with_a_persona_nothing_is_filled_ahead(visitors: Visitors) -> None:  # noqa: F811
    assert Visit(planned(visitors, "", "trade"), visitors).to_fill is None


def test_a_leak_ends_the_filling(visitors: Visitors) -> None:  # noqa: F811
    visit = Visit(planned(visitors, "", ""), visitors)
    visit.fill(Answer(status=200, trace=Trace(keys=(page("h"),), extra=LEAK)))
    assert visit.to_fill is None
    outcome = visit.settled()
    assert outcome is not None
    assert (outcome.result, outcome.reason) == (Result.FAILED, "leak")
