"""When a run waits, tries again, and gives up for the sake of the site."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.answer import Answer
from crawler.overload import IN_A_ROW, LONGEST_PAUSE_S, WINDOW, OverloadGuard, parse_retry_after, pause_before_retry_s

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
GOOD = Answer(status=200)
BROKEN = Answer(status=500, reason="status-5xx", detail="500")
BUSY = Answer(status=503, reason="busy", detail="503")
TIMEOUT = Answer(reason="timeout")
RESET = Answer(reason="connection", detail="connection refused")


def test_plain_server_errors_never_stop_a_run() -> None:
    guard = OverloadGuard()
    assert not any(guard.note(BROKEN) for _ in range(1000))


@pytest.mark.parametrize("answer", [BUSY, TIMEOUT, RESET])
def test_signs_of_overload_in_a_row_do(answer: Answer) -> None:
    guard = OverloadGuard()
    said = [guard.note(answer) for _ in range(IN_A_ROW)]
    assert not any(said[:-1])
    assert "in a row" in said[-1]


def test_half_of_the_answers_do_too() -> None:
    guard = OverloadGuard()
    said = [guard.note(answer) for _ in range(WINDOW) for answer in (GOOD, BUSY)]
    assert any(said[:WINDOW])
    assert "of the last 40" in next(filter(None, said))


def test_a_third_does_not() -> None:
    guard = OverloadGuard()
    assert not any(guard.note(answer) for _ in range(100) for answer in (GOOD, GOOD, TIMEOUT))


@pytest.mark.parametrize(
    ("answer", "attempt", "retry_after", "expected_s"),
    [
        (BUSY, 1, "", 1),
        (BUSY, 2, "", 3),
        (BUSY, 3, "", 0),
        (BUSY, 1, "7", 7),
        (BUSY, 1, "0", 1),
        (BUSY, 1, "86400", LONGEST_PAUSE_S),
        (BUSY, 1, "Sun, 22 Nov 2026 12:00:09 GMT", 9),
        (RESET, 1, "", 0.5),
        (RESET, 2, "", 0),
        (TIMEOUT, 1, "", 0),
        (BROKEN, 1, "5", 0),
    ],
)
def test_pauses(answer: Answer, attempt: int, retry_after: str, expected_s: float) -> None:
    assert pause_before_retry_s(answer, attempt, retry_after, NOW) == expected_s


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
    ],
)
def test_retry_after(text: str, expected_s: float) -> None:
    assert parse_retry_after(text, NOW) == expected_s


@given(st.text(max_size=60))
def test_retry_after_never_fails(text: str) -> None:
    assert parse_retry_after(text, NOW) >= 0
