"""When visitors count as suffering, and how long warm requests stay out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_hooks.admission import (
    FIRST_HOLD_S,
    LONGEST_HOLD_S,
    RECENT_MIN,
    RECENT_S,
    RELAPSE_S,
    Hold,
    LatencyWatch,
    Limits,
    Readings,
    Sample,
    retry_after,
    suffering,
)


def samples(seconds: float, *, count: int = 20, start_s: float = 0.0, kind: str = "page", every_s: float = 0.1):
    return [Sample(start_s + number * every_s, seconds, kind) for number in range(count)]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ({}, ""),
        ({"in_flight": 8}, "in_flight 8 of 8"),
        ({"in_flight": 7, "latency_ratio": 1.9, "loop_lag_s": 0.09, "database_wait_s": 0.2, "load": 99}, ""),
        ({"latency_ratio": 2.34567}, "latency_ratio 2.35 of 2"),
        ({"loop_lag_s": 0.2}, "loop_lag_s 0.2 of 0.1"),
        ({"database_wait_s": float("inf")}, "database_wait_s inf of 0.25"),
    ],
)
def test_each_sign_has_its_limit(readings, expected):
    assert suffering(Readings(live_ago_s=0, **readings), Limits()) == expected


def test_nobody_is_refused_for_the_sake_of_nobody():
    worst = {"latency_ratio": 9, "loop_lag_s": 9, "database_wait_s": 9, "load": 9}
    assert suffering(Readings(live_ago_s=11, **worst), Limits(load=1)) == ""
    assert suffering(Readings(live_ago_s=9, **worst), Limits(load=1)) != ""


def test_a_limit_of_nothing_switches_a_sign_off():
    off = Limits(in_flight=0, latency_ratio=0, loop_lag_s=0, database_wait_s=0)
    assert suffering(Readings(live_ago_s=0, in_flight=99, latency_ratio=99, loop_lag_s=9), off) == ""


def test_the_word_of_another_process_counts_where_this_one_sees_no_visitor():
    assert suffering(Readings(elsewhere="load 3 of 1"), Limits()) == "another process: load 3 of 1"


def test_steady_visitors_are_at_their_usual():
    assert LatencyWatch().ratio(samples(0.02), 2.0) == pytest.approx(1.0)


def test_slower_visitors_are_seen_at_once():
    watch = LatencyWatch()
    watch.ratio(samples(0.02), 2.0)
    # The seventeen last of thirty-two decide.
    assert watch.ratio(samples(0.06, start_s=2.0), 4.0) == pytest.approx(3.0, rel=0.05)


def test_few_visitors_say_nothing_and_old_ones_are_forgotten():
    few = LatencyWatch()
    assert few.ratio(samples(0.02, count=RECENT_MIN + 4), 1.0) == 0.0
    many = LatencyWatch()
    assert many.ratio(samples(0.02), 2.0 + RECENT_S) == 0.0


def test_kinds_are_not_mixed():
    """Pages from the cache and pages that are rendered take turns, and then only the latter come."""
    watch = LatencyWatch()
    watch.ratio(samples(0.01, kind="hit") + samples(0.2, kind="miss"), 2.0)
    assert watch.ratio(samples(0.2, kind="miss", start_s=2.0, count=32), 5.2) == pytest.approx(1.0)


def test_milliseconds_that_nobody_notices_do_not_count():
    watch = LatencyWatch()
    watch.ratio(samples(0.001), 2.0)
    assert watch.ratio(samples(0.004, start_s=2.0, count=32), 5.2) < 1.0


def test_a_long_run_does_not_get_visitors_used_to_being_slow():
    watch = LatencyWatch()
    watch.ratio(samples(0.02), 2.0)
    for minute in range(5):
        start_s = 2.0 + minute * 60
        for part in range(2):
            ratio = watch.ratio(
                samples(0.06, start_s=start_s + part * 30, count=30, every_s=1), start_s + part * 30 + 30
            )
    assert ratio > 2.0


def test_a_new_run_learns_from_the_visitors_just_before_it():
    watch = LatencyWatch()
    watch.ratio(samples(0.02), 2.0)
    assert watch.ratio(samples(0.06, start_s=1000.0), 1002.0) == pytest.approx(1.0)


def test_holds_grow_while_they_do_not_help_and_then_start_afresh():
    hold, now_s, lengths = Hold(), 0.0, []
    for _ in range(7):
        hold.begin("slow", now_s)
        lengths.append(hold.left_s(now_s))
        now_s += lengths[-1] + 1
    assert lengths == [2, 4, 8, 16, 30, 30, 30]
    assert all(later >= earlier for earlier, later in pairwise(lengths))
    hold.begin("slow", now_s + RELAPSE_S + 1)
    assert hold.left_s(now_s + RELAPSE_S + 1) == FIRST_HOLD_S


@given(st.lists(st.floats(0, 60), max_size=50))
def test_a_hold_always_ends(gaps):
    hold, now_s = Hold(), 0.0
    for gap in gaps:
        now_s += gap
        hold.begin("x", now_s)
        assert 0 < hold.left_s(now_s) <= LONGEST_HOLD_S + 1e-9
        assert hold.left_s(now_s + LONGEST_HOLD_S + 1e-9) == 0


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 100), st.sampled_from("ab")), max_size=60), st.floats(0, 1e4))
def test_no_history_breaks_the_watch(rows, now_s):
    ratio = LatencyWatch().ratio([Sample(*row) for row in sorted(rows)], now_s)
    assert 0 <= ratio < float("inf")


@pytest.mark.parametrize(("left_s", "expected"), [(0.01, "1"), (1.0, "1"), (1.2, "2"), (29.9, "30")])
def test_retry_after_is_whole_seconds_of_waiting(left_s, expected):
    assert retry_after(left_s) == expected
