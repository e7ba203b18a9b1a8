"""The sketch against exact counts."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_hooks.traffic.sketch import Cost, Sketch

STREAMS = st.lists(st.integers(0, 40), max_size=600)


def filled(stream, capacity: int) -> Sketch[int]:
    sketch: Sketch[int] = Sketch(capacity)
    for key in stream:
        sketch.cost(key).add(0.001, is_warm=key % 2 == 0)
    return sketch


@given(STREAMS, st.integers(2, 30))
def test_no_count_is_too_high_and_none_is_lower_than_the_bound_says(stream, capacity):
    sketch, exact = filled(stream, capacity), Counter(stream)
    assert len(sketch.costs) <= capacity
    for key, seen in exact.items():
        kept = sketch.costs[key].hits if key in sketch.costs else 0
        assert seen - sketch.offset <= kept <= seen
    assert sketch.offset <= 2 * sketch.total / capacity


@given(STREAMS, st.integers(2, 30))
def test_what_is_kept_and_what_is_forgotten_add_up(stream, capacity):
    sketch = filled(stream, capacity)
    assert sum(cost.hits for cost in sketch.costs.values()) + sketch.forgotten == sketch.total == len(stream)


@given(STREAMS, st.integers(2, 30))
def test_a_key_with_more_than_its_share_of_the_traffic_is_there(stream, capacity):
    sketch = filled(stream, capacity)
    heavy = {key for key, seen in Counter(stream).items() if seen > 2 * len(stream) / capacity}
    assert heavy <= sketch.costs.keys()


@given(STREAMS)
def test_with_room_for_all_keys_counts_are_exact(stream):
    sketch = filled(stream, 41)
    assert {key: cost.hits for key, cost in sketch.costs.items()} == Counter(stream)
    assert sketch.offset == 0


def test_a_skewed_stream_keeps_its_head():
    """Zipf over 200,000 keys into room for 2,000: the 300 heaviest are all there, and off by less than the bound."""
    randomness = random.Random(7)
    stream = [int(randomness.paretovariate(1.0)) for _ in range(300_000)]
    sketch, exact = filled(stream, 2_000), Counter(stream)
    head = exact.most_common(300)
    assert [key for key, _ in head if key not in sketch.costs] == []
    assert max(seen - sketch.costs[key].hits for key, seen in head) <= sketch.offset <= 300


def test_a_million_distinct_keys_take_the_memory_of_the_capacity():
    tracemalloc.start()
    try:
        filled(range(10_000), 10_000)  # what a full sketch takes, and then throws away
        _, full_bytes = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        sketch = filled(range(1_000_000), 10_000)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(sketch.costs) <= 10_000
    assert peak_bytes < 2 * full_bytes


def test_when_all_is_saved_the_next_interval_starts_with_a_clean_bound():
    sketch = filled(range(100), 10)
    assert sketch.offset > 0
    sketch.discard(list(sketch.costs))
    assert (sketch.total, sketch.offset, sketch.forgotten) == (0, 0, 0)


def test_what_could_not_be_saved_goes_on_counting():
    sketch = filled([1, 1, 2], 10)
    sketch.discard([2])
    sketch.cost(1).add(0.5, is_warm=False)
    assert {key: cost.hits for key, cost in sketch.costs.items()} == {1: 3}


def test_costs_merge():
    one, other = Cost(), Cost()
    one.add(0.1, is_warm=False)
    other.add(0.2, is_warm=True, is_signed_in=True)
    other.route = "p/<int:pk>/"
    one.merge(other)
    assert (one.cold_hits, one.warm_hits, one.signed_in_hits, one.route) == (1, 1, 1, "p/<int:pk>/")


def test_no_room_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        Sketch(1)
