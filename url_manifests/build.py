"""From access logs to a manifest: read → count → rank → select → write, streaming, in bounded memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

from .candidate import Candidate
from .counting import CountingOptions
from .errors import TooManyRejectsError
from .logs.detect import ReaderSpec
from .manifest import Entry, Header, write_manifest
from .prediction import PredictionPolicy, hour_weights
from .reading import Progress, Reading, SourceCount
from .selection import Selection, SelectionPolicy, VariantPolicy
from .sources import Source
from .tally import Tally
from .totals import Totals, by_size
from .workers import make_engine, total_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Everything that a build may be told."""

    forced: ReaderSpec | None = None
    counting: CountingOptions = field(default_factory=CountingOptions)
    prediction: PredictionPolicy = field(default_factory=PredictionPolicy)
    selection: SelectionPolicy = field(default_factory=SelectionPolicy)
    max_rejects: float = 0.9
    """Share of the lines, 0 to 1, above which no manifest is written."""
    workers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What was built, and the counts to print."""

    entries: int
    totals: dict[str, Any]
    sources: list[SourceCount]
    expected_share: float
    """Share of the expected requests that the list covers."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What reading gave."""

    totals: Totals
    variant_names: dict[int, list[str]]
    sources: list[SourceCount]


def ignore_progress(name: str, size_bytes: int) -> None:
    """For callers that show nothing."""


def count_sources(
    sources: Sequence[Source], folder: Path, options: BuildOptions, progress: Progress = ignore_progress
) -> Counts:
    """Read and count all sources; the counts are in files in ``folder``, for a `Tally`.

    Raises:
        UnknownLogFormatError: a file has no format that is known.
        TooManyRejectsError: more lines were rejected than the options allow.
    """
    now_s = time.time()
    input_bytes = total_bytes([source.path for source in sources])
    with make_engine(options.counting, folder, now_s, options.workers, input_bytes) as engine:
        reading = Reading(engine, options.forced, now_s, progress)
        reading.read(sources)
        counted = engine.finish()
    totals = Totals()
    for item in counted:
        totals.merge(item.totals)
    totals.merge(reading.damage())
    for number, source in enumerate(reading.sources):
        source.lines = totals.by_source[number]
    _check_rejects(totals, options.max_rejects)
    return Counts(totals, {item.worker: item.variants for item in counted}, reading.sources)


def _check_rejects(totals: Totals, max_rejects: float) -> None:
    rejected = totals.rejected.total()
    if totals.lines and rejected / totals.lines > max_rejects:
        reasons = ", ".join(f"{number} {reason}" for reason, number in totals.rejected.most_common(3))
        raise TooManyRejectsError(
            f"{rejected} of {totals.lines} lines were rejected ({reasons}), more than --max-rejects {max_rejects:g} "
            "allows; look at the log's format, or raise the limit. No manifest was written"
        )


def build(
    sources: Sequence[Source],
    output: str | PathLike[str],
    options: BuildOptions,
    progress: Progress = ignore_progress,
) -> BuildResult:
    """Build a manifest and write it to ``output``, whole or not at all.

    Raises:
        FileFormatError: an input cannot be read or recognised.
        TooManyRejectsError: more lines were rejected than the options allow.
    """
    with tempfile.TemporaryDirectory(prefix="url-manifests-") as name:
        folder = Path(name)
        counts = count_sources(sources, folder, options, progress)
        with Tally(folder) as tally:
            return _write(tally, counts, output, options)


def _write(tally: Tally, counts: Counts, output: str | PathLike[str], options: BuildOptions) -> BuildResult:
    window = tally.window()
    if dropped := tally.drop_other_orders():
        counts.totals.used -= dropped
        counts.totals.excluded["query-order"] += dropped
    tally.rank(hour_weights(*window, options.prediction) if window else None)
    pages, hits, expected = tally.totals()
    selection = Selection(options.selection, expected)
    selected = list(selection.pick(tally.candidates()))
    entries, profiles = _entries(tally, counts, selected, options.selection)
    totals = _totals_document(counts.totals, pages, hits, selection)
    header = Header(
        entries=len(entries),
        window_start=_time(window[0]) if window else None,
        window_end=_time(window[1] + 1) if window else None,
        totals=totals,
        profiles=profiles,
        sources=tuple({"name": item.name, "format": item.format, "lines": item.lines} for item in counts.sources),
    )
    write_manifest(output, header, entries)
    share = selection.expected_selected / expected if expected else 1.0
    return BuildResult(entries=len(entries), totals=totals, sources=counts.sources, expected_share=share)


def _time(hour: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


def _entries(
    tally: Tally, counts: Counts, selected: Sequence[Candidate], policy: SelectionPolicy
) -> tuple[list[Entry], dict[str, dict[str, str]]]:
    site = tally.select([candidate.page for candidate in selected], counts.variant_names)
    variants = VariantPolicy(site, policy)
    # Remembered for the commonest only: a long log has as many mixes as pages.
    shares_of = lru_cache(4096)(lambda mix: variants.shares(tally.hits_by_name(mix)))
    by_page = {page: shares_of(mix) for page, mix in tally.mixes()}
    profiles = variants.used_profiles(name for shares in by_page.values() for name in shares)
    first = next(iter(profiles))
    entries = [candidate.entry(by_page[candidate.page], first) for candidate in selected]
    return entries, profiles


def _totals_document(totals: Totals, pages: int, hits: int, selection: Selection) -> dict[str, Any]:
    return {
        "lines": totals.lines,
        "used": totals.used,
        "excluded": by_size(totals.excluded),
        "rejected": by_size(totals.rejected),
        "examples": {reason: [text for *_, text in rows] for reason, rows in sorted(totals.examples.items())},
        "pages": pages,
        "hits": hits,
        "left_out": by_size(selection.left_out),
    }
