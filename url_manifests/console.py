"""Tables for people; plain text of a fixed width where the output is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn
from rich.table import Table

from .build import BuildResult, ignore_progress
from .differing import Difference
from .forecasting import Forecast
from .manifest import Entry, ManifestReader
from .reading import Progress as ProgressCallback

_PIPE_WIDTH: Final = 132


class _PipeConsole(Console):
    """Leaves a broken pipe to the caller; rich would exit with 1, but a reader that has seen enough is no error."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """For standard output."""
    return _PipeConsole(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


@contextmanager
def reading_progress(total_bytes: int | None, *, quiet: bool) -> Iterator[ProgressCallback]:
    """A callback that shows how far reading has come, when standard error is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield ignore_progress
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=total_bytes)

        def advance(name: str, size_bytes: int) -> None:
            progress.update(task, description=name, advance=size_bytes)

        yield advance


def print_build(result: BuildResult, output: str) -> None:
    """What became of every line, and what was written."""
    out = console()
    sources = Table("file", "format", "lines", title="read")
    sources.columns[2].justify = "right"
    for source in result.sources:
        sources.add_row(source.name, source.format, f"{source.lines:,}")
    out.print(sources)
    out.print(_line_table(result.totals))
    examples = [(reason, text) for reason, texts in result.totals["examples"].items() for text in texts]
    for reason, text in examples:
        out.print(f"rejected, {reason}: {text}", markup=False, overflow="ellipsis", no_wrap=True)
    out.print(f"{output}: {_what_is_in_it(result)}", markup=False)


def _what_is_in_it(result: BuildResult) -> str:
    if not result.totals["pages"]:
        return "no pages, for the reasons above; a crawl of it refuses to start"
    left_out = ", ".join(f"{number:,} by {limit}" for limit, number in result.totals["left_out"].items())
    kept = f"{result.entries:,} of {result.totals['pages']:,} pages"
    return (
        f"{kept}, {result.expected_share:.1%} of the expected requests{f'; left out: {left_out}' if left_out else ''}"
    )


def _line_table(totals: dict[str, Any]) -> Table:
    table = Table("lines", "", "count", "share", title="what became of the lines")
    table.columns[2].justify = table.columns[3].justify = "right"
    lines = totals["lines"]

    def add(what: str, rule: str, number: int) -> None:
        table.add_row(what, rule, f"{number:,}", f"{number / lines:.1%}" if lines else "")

    add("used", "", totals["used"])
    for what in ("excluded", "rejected"):
        for rule, number in totals[what].items():
            add(what, rule, number)
    table.add_section()
    add("all", "", lines)
    return table


def print_manifest(reader: ManifestReader, limit: int) -> None:
    """The most valuable entries as a table."""
    total = sum(entry.expected_hits for entry in reader)
    table = Table("#", "URL", "route", "hits", "share", "so far", "cold ms", "warm ms", "variants")
    for column in (0, 3, 4, 5, 6, 7):
        table.columns[column].justify = "right"
    table.columns[1].overflow = table.columns[2].overflow = "fold"
    so_far = 0.0
    for number, entry in enumerate(islice(reader, limit), start=1):
        so_far += entry.expected_hits
        table.add_row(str(number), *_row(entry, total, so_far))
    out = console()
    out.print(table)
    header = reader.header
    window = (
        f", {header.window_start:%Y-%m-%d %H:%M} to {header.window_end:%Y-%m-%d %H:%M} UTC"
        if header.window_start and header.window_end
        else ""
    )
    out.print(f"{header.entries:,} entries{window}; profiles: {', '.join(header.profiles) or 'none'}", markup=False)


def _row(entry: Entry, total: float, so_far: float) -> Sequence[str]:
    variants = ", ".join(f"{name} {share:.0%}" for name, share in entry.variants.items())
    return (
        entry.host + entry.url,
        entry.route,
        f"{entry.expected_hits:,.0f}",
        f"{entry.expected_hits / total:.2%}" if total else "",
        f"{so_far / total:.1%}" if total else "",
        "" if entry.cold_ms is None else f"{entry.cold_ms:,.0f}",
        "" if entry.warm_ms is None else f"{entry.warm_ms:,.0f}",
        variants,
    )


def print_difference(difference: Difference, limit: int) -> None:
    """The largest changes as a table, and how many there are of each kind."""
    table = Table("change", "URL", "place before", "place now", "hits before", "hits now")
    for column in (2, 3, 4, 5):
        table.columns[column].justify = "right"
    table.columns[1].overflow = "fold"
    kinds = {"entered": 0, "left": 0, "moved": 0}
    for number, change in enumerate(difference.changes):
        kinds[change.kind] += 1
        if number < limit:
            places = [str(place or "") for place in (change.old_place, change.new_place)]
            table.add_row(
                change.kind, change.host + change.url, *places, f"{change.old_hits:,.0f}", f"{change.new_hits:,.0f}"
            )
    out = console()
    if difference.changes:
        out.print(table)
    summary = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
    out.print(f"{summary}, {difference.unchanged:,} about the same", markup=False)


def print_forecast(found: Forecast) -> None:
    """Covered and best possible, side by side."""
    table = Table("of the later", "this manifest", f"best {found.entries:,} entries", "difference")
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
    rows = [("requests", found.covered, found.best)]
    if found.covered_time is not None and found.best_time is not None:
        rows.append(("time when cold", found.covered_time, found.best_time))
    for what, covered, best in rows:
        table.add_row(what, f"{covered:.1%}", f"{best:.1%}", f"{100 * (covered - best):+.1f} points")
    console().print(table)
