"""A held-out day of a log with drift: how much of it each way of ranking would have covered.

Run with ``python -m benchmarks.forecast``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.generated_log import write_log
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


def measure(
    folder: Path, days: int = 14, lines_a_day: int = 50_000, pages: int = 3_000, max_urls: int = 1_000
) -> dict[str, Forecast]:
    """Share of the held-out day that each policy covers, and the best list of the same size."""
    past, later = folder / "past.log", folder / "later.log"
    write_log(past, range(days), lines_a_day, pages, drift=0.002)
    write_log(later, range(days, days + 1), lines_a_day, pages, drift=0.002)
    found = {}
    for name, policy in POLICIES.items():
        selection = SelectionPolicy(max_urls=max_urls, max_per_route=max_urls)
        options = BuildOptions(prediction=policy, selection=selection)
        build(expand([str(past)]), folder / "m.jsonl", options)
        found[name] = forecast(ManifestReader(folder / "m.jsonl"), expand([str(later)]), options)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for policy, result in measure(Path(name)).items():
            print(f"{policy:28} {result.covered:.1%}   best possible {result.best:.1%}")
