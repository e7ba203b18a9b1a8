"""How far a run is: a live bar on a terminal, steady lines in a pipeline, or nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from url_manifests.outcomes import Outcome, Result

CHOICES: Final = ("auto", "bar", "lines", "none")
LINE_INTERVAL_S: Final = 5.0


class Watcher(Protocol):
    """Is told of each outcome."""

    def __call__(self, outcome: Outcome) -> None: ...


@contextmanager
def watching(choice: str, stream: TextIO) -> Iterator[Watcher]:
    """A watcher of the wanted kind; ``auto`` is a bar on a terminal and lines elsewhere."""
    if choice == "auto":
        choice = "bar" if stream.isatty() else "lines"
    if choice == "bar":
        with _bar(stream) as watcher:
            yield watcher
    elif choice == "lines":
        yield Lines(stream)
    else:
        yield _ignore


def watched(outcomes: Iterable[Outcome], watcher: Watcher) -> Iterator[Outcome]:
    """The outcomes, each shown to the watcher."""
    for outcome in outcomes:
        watcher(outcome)
        yield outcome


def _ignore(outcome: Outcome) -> None:
    """Show nothing."""


class Lines:
    """A line every few seconds, so that a pipeline's log shows that the run lives."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._next_at = clock() + LINE_INTERVAL_S
        self._results: Counter[Result] = Counter()

    def __call__(self, outcome: Outcome) -> None:
        self._results[outcome.result] += 1
        if self._clock() >= self._next_at:
            self._next_at = self._clock() + LINE_INTERVAL_S
            self._stream.write(f"{describe_counts(self._results)}\n")
            self._stream.flush()


def describe_counts(results: Counter[Result]) -> str:
    """``12 entries: 10 stored, 2 already_warm``."""
    counts = ", ".join(f"{results[result]} {result}" for result in Result if results[result])
    return f"{results.total()} entries" + (f": {counts}" if counts else "")


@contextmanager
def _bar(stream: TextIO) -> Iterator[Watcher]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        results: Counter[Result] = Counter()
        # How many entries there will be is not known before the warmers have yielded them.
        task = progress.add_task("starting", total=None)

        def show(outcome: Outcome) -> None:
            results[outcome.result] += 1
            progress.update(task, description=describe_counts(results))

        yield show
