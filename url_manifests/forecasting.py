"""How good would a manifest have been? What it covers of requests that came after it, beside the best list possible."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .build import BuildOptions, count_sources, ignore_progress
from .cells import page_hash
from .manifest import ManifestReader
from .reading import Progress
from .sources import Source
from .tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Shares of the later requests, 0 to 1."""

    entries: int
    later_hits: int
    covered: float
    """Share of the later requests whose URL is in the manifest."""
    best: float
    """The same for the best list of as many entries, known only afterwards."""
    covered_time: float | None
    """Share of the time that the later requests would cost cold; ``None`` when the later log has no times."""
    best_time: float | None


def forecast(
    manifest: ManifestReader, later: Sequence[Source], options: BuildOptions, progress: Progress = ignore_progress
) -> Forecast:
    """Hold a manifest against later logs, read with the same options that built it.

    Raises:
        FileFormatError: the manifest or a log cannot be read.
        TooManyRejectsError: more lines were rejected than the options allow.
    """
    pages = [page_hash(entry.host, entry.url) for entry in manifest]
    with tempfile.TemporaryDirectory(prefix="url-manifests-") as name:
        folder = Path(name)
        count_sources(later, folder, options, progress)
        with Tally(folder) as tally:
            tally.drop_other_orders()
            tally.rank(None)
            _, hits, _ = tally.totals()
            covered, best = tally.coverage(pages, by_time=False)
            covered_time, best_time = tally.coverage(pages, by_time=True) if tally.has_times() else (None, None)
    return Forecast(
        entries=len(pages),
        later_hits=hits,
        covered=covered,
        best=best,
        covered_time=covered_time,
        best_time=best_time,
    )
