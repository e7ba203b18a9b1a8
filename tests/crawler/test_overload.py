"""When a run waits, tries again, and gives up for the sake of the site."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.answer import Answer
from crawler.overload import (
    ERRORS_WINDOW,
    OPEN_S,
    OPENS_AFTER,
    REFUSED_S,
    WINDOW,
    Circuit,
    CircuitBreaker,
    may_retry,
    parse_retry_after,
    pause_before_retry_s,
)
from url_manifests.traces import Trace

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
GOOD = Answer(status=200)
BROKEN = Answer(status=500, reason="status-5xx", detail="500")
BUSY = Answer(status=503, reason="busy", detail="503")
REFUSED = Answer(status=503, reason="busy", detail="503", is_refusal=True)
TIMEOUT = Answer(reason="timeout")
RESET = Answer(reason="connection", detail="connection refused")


class Target:
    """A site behind a breaker, on a clock of its own."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.breaker = CircuitBreaker(clock=lambda: self.now_s)

    def answers(self, *answers: Answer) -> list[str]:
        """Ask one after another, waiting while the circuit is open."""
        said = []
        for answer in answers:
            self.now_s += self.breaker.open_s
            said.append(self.breaker.note(answer, self.now_s))
            self.now_s += 0.01
        return said


@pytest.mark.parametrize("sign", [BUSY, TIMEOUT, RESET])
def test_signs_of_overload_in_a_row_open_the_circuit_and_a_good_answer_closes_it(sign: Answer) -> None:
    site = Target()
    site.answers(GOOD, *[sign] * OPENS_AFTER)
    assert site.breaker.state is Circuit.OPEN
    assert site.breaker.open_s == pytest.approx(OPEN_S[0], abs=0.1)
    site.now_s += OPEN_S[0]
    assert site.breaker.state is Circuit.HALF_OPEN
    site.answers(GOOD)
    assert site.breaker.state is Circuit.CLOSED


def test_each_try_that_fails_keeps_it_open_for_longer_and_the_last_one_ends_the_run() -> None:
    site = Target()
    began_at_s = site.now_s
    said = site.answers(*[BUSY] * (OPENS_AFTER + len(OPEN_S)))
    assert not any(said[:-1])
    assert "9 answers in a row" in said[-1]
    assert site.now_s - began_at_s == pytest.approx(sum(OPEN_S), abs=0.2)


def test_what_was_under_way_when_it_opened_is_not_held_against_the_site() -> None:
    site = Target()
    site.answers(*[TIMEOUT] * OPENS_AFTER)
    sent_before_s = site.now_s - 1
    site.now_s += OPEN_S[0]
    assert not any(site.breaker.note(TIMEOUT, sent_before_s) for _ in range(OPENS_AFTER))
    assert site.breaker.times_opened == 1


def test_half_of_the_answers_end_it_too() -> None:
    said = Target().answers(*(answer for _ in range(WINDOW) for answer in (GOOD, BUSY)))
    assert any(said[:WINDOW])
    assert "of the last 40" in next(filter(None, said))


def test_a_third_does_not() -> None:
    assert not any(Target().answers(*[GOOD, GOOD, TIMEOUT] * 100))


def test_broken_pages_do_not_stop_a_run_but_a_broken_site_does() -> None:
    assert not any(Target().answers(*[GOOD, BROKEN] * 200))
    said = Target().answers(*[BROKEN] * ERRORS_WINDOW)
    assert not any(said[:-1])
    assert "50 of the last 50 answers are server errors" in said[-1]


def test_requests_turned_away_for_visitors_are_no_sign_of_a_site_that_is_down() -> None:
    site = Target()
    assert not any(site.answers(*[REFUSED] * 200))
    assert site.breaker.state is Circuit.CLOSED


def test_a_site_that_turns_everything_away_for_long_is_left_alone() -> None:
    site = Target()
    site.answers(REFUSED)
    site.now_s += REFUSED_S - 1
    assert not any(site.answers(REFUSED, GOOD, REFUSED))
    site.now_s += REFUSED_S + 1
    assert "for 121 s it has turned away every request" in site.answers(REFUSED)[0]


def test_retries_are_bounded() -> None:
    assert may_retry(9, 0)
    assert not may_retry(10, 0)
    assert may_retry(10, 100)
    assert not may_retry(20, 100)


@pytest.mark.parametrize(
    ("answer", "attempt", "retry_after", "expected_s"),
    [
        (BUSY, 1, "", 1),
        (BUSY, 2, "", 3),
        (BUSY, 3, "", 0),
        (BUSY, 1, "7", 7),
        (BUSY, 1, "0", 1),
        (BUSY, 1, "86400", 0),
        (BUSY, 1, "Sun, 22 Nov 2026 12:00:09 GMT", 9),
        (REFUSED, 50, "2", 3),
        (REFUSED, 50, "30", 30),
        (REFUSED, 1, "86400", 0),
        (RESET, 1, "", 0.5),
        (RESET, 2, "", 0),
        (TIMEOUT, 1, "", 0),
        (BROKEN, 1, "5", 0),
    ],
)
def test_pauses(answer: Answer, attempt: int, retry_after: str, expected_s: float) -> None:
    assert pause_before_retry_s(answer, attempt, retry_after, now=NOW) == expected_s
    with_jitter_s = pause_before_retry_s(answer, attempt, retry_after, now=NOW, jitter=1)
    assert with_jitter_s == pytest.approx(expected_s * 1.25)


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 12:01:00 -0000", 60),
        ("soon", 0),
        ("-5", 0),
        ("", 0),
        ("٣", 0),
        ("9" * 400, 999_999_999),
        ("22 Nov 12:00:09 999999999999", 0),
    ],
)
def test_retry_after(text: str, expected_s: float) -> None:
    assert parse_retry_after(text, NOW) == expected_s


@given(st.text(max_size=60))
def test_retry_after_never_fails(text: str) -> None:
    assert parse_retry_after(text, NOW) >= 0


def test_server_errors_count_as_such_whatever_their_traces_say_more() -> None:
    interrupted = Answer(status=500, reason="cache-interrupted", trace=Trace(reason="cache-interrupted"))
    served = Answer(status=200, trace=Trace(reason="cache-interrupted"))
    assert not any(Target().answers(*[served] * ERRORS_WINDOW))
    assert "server errors" in Target().answers(*[interrupted] * ERRORS_WINDOW)[-1]
    busy = Answer(status=503, reason="busy", trace=Trace(reason="cache-interrupted"))
    assert pause_before_retry_s(busy, 1) == pause_before_retry_s(BUSY, 1)
