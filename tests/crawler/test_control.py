"""How much is sent: a slow start, less in trouble, more again afterwards."""

from __future__ import annotations

import random

import pytest

from crawler.answer import Answer
from crawler.control import LatencyScore, LoadController, leave_to_visitors_s
from url_manifests.traces import Trace

BUSY = Answer(status=503, reason="busy")


def good(elapsed_ms: float = 50.0) -> Answer:
    return Answer(status=200, elapsed_ms=elapsed_ms)


class Site:
    """Requests at the allowed rate, on a clock of its own."""

    def __init__(self, rate: float = 20, concurrency: int = 4) -> None:
        self.now_s = 1000.0
        self.load = LoadController(rate, concurrency, clock=lambda: self.now_s)

    def answers(self, answer: Answer, seconds: float = 1.0, route: str = "/") -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.load.sent()
            self.now_s += 1 / (self.load.rate or 100)
            self.load.note(answer, route)


def test_it_starts_slowly_and_gets_to_the_limits() -> None:
    site = Site()
    assert (site.load.rate, site.load.concurrency) == (5, 1)
    site.answers(good(), seconds=4)
    assert (site.load.rate, site.load.concurrency) == (20, 4)


@pytest.mark.parametrize("reason", ["busy", "timeout", "connection"])
def test_a_sign_of_overload_halves_both_and_several_at_once_do_it_once(reason: str) -> None:
    site = Site()
    site.answers(good(), seconds=5)
    for _ in range(4):
        site.load.note(Answer(reason=reason), "/")
    assert (site.load.rate, site.load.concurrency) == (10, 2)
    assert site.load.slowdowns == {reason: 1}


def test_it_grows_back_by_small_steps() -> None:
    site = Site()
    site.answers(good(), seconds=5)
    site.load.note(BUSY, "/")
    site.answers(good(), seconds=3)
    assert 11 <= site.load.rate <= 14
    site.answers(good(), seconds=12)
    assert (site.load.rate, site.load.concurrency) == (20, 4)


def test_what_was_too_many_at_once_is_come_back_to_slowly() -> None:
    site = Site(rate=0, concurrency=32)
    site.answers(good(), seconds=2)
    refused = Answer(status=503, reason="busy", is_refusal=True)
    for _ in range(20):
        site.load.note(refused, "/")
    assert site.load.concurrency == 16
    assert site.load.slowdowns == {"refused": 1}
    site.answers(good(), seconds=10)
    assert 24 <= site.load.concurrency <= 27
    site.answers(good(), seconds=20)
    assert site.load.concurrency == 32


def test_it_never_stops_by_itself() -> None:
    site = Site()
    site.answers(BUSY, seconds=60)
    assert site.load.rate == pytest.approx(0.4)
    assert site.load.concurrency == 1


def test_rising_latency_takes_concurrency_first_and_then_rate() -> None:
    site = Site()
    site.answers(good(40), seconds=5)
    site.answers(good(160), seconds=1.5)
    assert site.load.rate == 20
    assert site.load.concurrency < 4
    site.answers(good(160), seconds=10)
    assert site.load.rate < 10
    assert site.load.concurrency == 1
    assert site.load.slowdowns["latency"] > 2


def test_a_slow_route_is_no_rising_latency() -> None:
    site = Site()
    for _ in range(10):
        site.answers(good(20), route="/fast/")
        site.answers(good(900), route="/slow/")
    assert not site.load.slowdowns


def test_hits_are_not_compared_with_misses(page_hit_trace) -> None:
    site = Site()
    for _ in range(100):
        site.load.sent()
        site.load.note(good(400), "/")
        site.load.note(Answer(status=200, elapsed_ms=2, trace=page_hit_trace), "/")
        site.now_s += 0.1
    assert not site.load.slowdowns


def test_pages_of_a_route_may_differ() -> None:
    drawn = random.Random(7)
    site = Site()
    for _ in range(2000):
        site.load.sent()
        site.load.note(good(drawn.lognormvariate(3.5, 0.8)), "/p/*/")
        site.now_s += 0.05
    assert site.load.slowdowns.total() <= 3
    assert site.load.rate == 20
    assert site.load.concurrency == 4


def test_without_a_limit_only_concurrency_is_controlled() -> None:
    site = Site(rate=0, concurrency=16)
    site.answers(good(), seconds=1)
    assert (site.load.rate, site.load.concurrency) == (0, 16)
    site.load.note(BUSY, "/")
    assert (site.load.rate, site.load.concurrency) == (0, 8)


def test_the_mean_of_what_was_allowed_leaves_pauses_out() -> None:
    site = Site(rate=10)
    site.answers(good(), seconds=10)
    assert site.load.mean_rate == pytest.approx(8.7, abs=0.3)
    site.load.pause(10)
    site.now_s += 10
    site.load.sent()
    assert site.load.mean_rate == pytest.approx(4.4, abs=0.3)


def test_memory_is_bounded() -> None:
    score = LatencyScore()
    for number in range(10_000):
        score.note(number, 1.0)
    assert len(score._recent) == LatencyScore.MAX_KINDS


@pytest.mark.parametrize(
    ("load", "elapsed_ms", "pause_s"),
    [
        ({"visitors": 1}, 25, 0.05),
        ({"visitors": 1, "in_flight": 2}, 20_000, 0.25),  # a page that hangs says nothing of the next
        ({"in_flight": 2}, 25, 0.0),  # an older release of the site
        ({"visitors": "many"}, 25, 0.0),
        ({}, 25, 0.0),
    ],
)
def test_a_site_with_visitors_is_left_to_them_for_a_while(
    load: dict[str, object], elapsed_ms: float, pause_s: float
) -> None:
    answer = Answer(status=200, elapsed_ms=elapsed_ms, trace=Trace(extra={"load": load}))
    assert leave_to_visitors_s(answer) == pytest.approx(pause_s)


def test_who_says_nothing_of_visitors_is_not_left_alone() -> None:
    assert leave_to_visitors_s(good()) == 0
