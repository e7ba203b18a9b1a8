"""A held-out day of a log with drift: how much of it each way of ranking would have covered.

Run with ``python -m benchmarks.forecast``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from benchmarks.generated_log import Site, write_log
from url_manifests.build import BuildOptions, build
from url_manifests.forecasting import Forecast, forecast
from url_manifests.manifest import ManifestReader
from url_manifests.prediction import PredictionPolicy
from url_manifests.selection import SelectionPolicy
from url_manifests.sources import expand

POLICIES = {
    "plain counts": PredictionPolicy(half_life_days=0, by_hour_of_week=False),
    "half-life only": PredictionPolicy(by_hour_of_week=False),
    "half-life and hour of week": PredictionPolicy(),
}


SITE = Site(pages=30_000, visitors=60_000)
"""Its seed is not the one on which the weights in `url_manifests.prediction` were chosen (7)."""

Found = dict[tuple[int, str], Forecast]


def measure(folder: Path, *, days: int = 14, lines_a_day: int = 150_000, site: Site, sizes: Sequence[int]) -> Found:
    """List size and policy → share of the held-out day that is covered, and the best list of the same size."""
    past, later = folder / "past.log", folder / "later.log"
    write_log(past, range(days), lines_a_day, site)
    write_log(later, range(days, days + 1), lines_a_day, site)
    found: Found = {}
    for max_urls, (name, policy) in product(sizes, POLICIES.items()):
        selection = SelectionPolicy(max_urls=max_urls, max_per_route=max_urls)
        options = BuildOptions(prediction=policy, selection=selection)
        build(expand([str(past)]), folder / "m.jsonl", options)
        found[max_urls, name] = forecast(ManifestReader(folder / "m.jsonl"), expand([str(later)]), options)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for (size, policy), result in measure(Path(name), site=SITE, sizes=(300, 1000)).items():
            gap = result.best - result.covered
            print(
                f"{size:6} URLs  {policy:28} {result.covered:6.1%}   best possible {result.best:6.1%}   gap {gap:5.1%}"
            )
