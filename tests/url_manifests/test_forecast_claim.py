"""A small version of ``python -m benchmarks.forecast``: the claim of docs/benchmarks.md, on another seed."""

from __future__ import annotations

from benchmarks.forecast import measure
from benchmarks.generated_log import Site


def test_half_life_and_hour_of_week_beat_plain_counts(tmp_path):
    site = Site(pages=2_000, visitors=2_000, seed=3)
    found = measure(tmp_path, lines_a_day=8_000, site=site, sizes=(100,))
    plain, ours = (found[100, name] for name in ("plain counts", "half-life and hour of week"))
    assert plain.covered + 0.005 < ours.covered <= ours.best
    assert ours.best - ours.covered < 0.06
