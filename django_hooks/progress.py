"""How far a run is: a live bar for each category on a terminal, steady lines in a pipeline, or nothing."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from url_manifests.outcomes import Outcome, Result

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

CHOICES: Final = ("auto", "bar", "lines", "none")
LINE_INTERVAL_S: Final = 5.0
BAR_INTERVAL_S: Final = 0.2
"""A bar that is told of each of a million entries would cost more than they do."""

Categories = Callable[[Outcome], str]


class Watcher:
    """Counts outcomes by category; what it shows, and how often, is a subclass's. ``clock`` is monotonic seconds."""

    interval_s = float("inf")

    def __init__(self, category_of: Categories, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: defaultdict[str, Counter[Result]] = defaultdict(Counter)
        self._category_of = category_of
        self._clock = clock
        self._began_at = clock()
        self._next_at = self._began_at + self.interval_s
        self._sources: dict[object, Counter[Result]] = {}

    def __call__(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.counts[self._category_of(outcome)][outcome.result] += 1
        self.tick()

    def add(self, category: str, result: Result, count: int) -> None:
        """Count as many entries that ended alike."""
        self.counts[category][result] += count
        self.tick()

    def replace(self, source: object, category: str, results: Counter[Result]) -> None:
        """Count what somebody else counted, in place of what ``source`` had counted before."""
        self.counts[category].subtract(self._sources.get(source, Counter()))
        self.counts[category].update(results)
        self._sources[source] = results.copy()

    def tick(self) -> None:
        """Show, if it is time to."""
        if (now := self._clock()) >= self._next_at:
            self._next_at = now + self.interval_s
            self.show(max(now - self._began_at, 1e-9))

    def show(self, elapsed_s: float) -> None:
        """Show the counts; ``elapsed_s`` is above 0."""


def watched(outcomes: Iterable[Outcome], watcher: Watcher) -> Iterator[Outcome]:
    """The outcomes, each shown to the watcher."""
    for outcome in outcomes:
        watcher(outcome)
        yield outcome


class Lines(Watcher):
    """A line for each category every few seconds, so that a pipeline's log shows that the run lives."""

    interval_s = LINE_INTERVAL_S

    def __init__(
        self,
        category_of: Categories,
        stream: TextIO,
        totals: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(category_of, clock)
        self._stream = stream
        self._totals = totals or {}

    def show(self, elapsed_s: float) -> None:
        for category, results in self.counts.items():
            rate = results.total() / elapsed_s
            line = f"{category}: {describe_counts(results)}; {rate:,.0f}/s"
            left = self._totals.get(category, 0) - results.total()
            self._stream.write(f"{line}, {left / rate:.0f} s left\n" if left > 0 and rate else f"{line}\n")
        self._stream.flush()


class Bars(Watcher):
    """A bar for each category: done of how many, rate, what was there already, what went wrong, time left."""

    interval_s = BAR_INTERVAL_S

    def __init__(self, category_of: Categories, progress: Progress, totals: Mapping[str, int] | None = None) -> None:
        super().__init__(category_of)
        self._progress = progress
        self._totals = totals or {}
        self._bars: dict[str, TaskID] = {}

    def show(self, elapsed_s: float) -> None:  # noqa: ARG002 - rich keeps a clock for each bar
        for category, results in self.counts.items():
            if category not in self._bars:
                self._bars[category] = self._progress.add_task(
                    category, total=self._totals.get(category), warm=0, errors=0, rate=0
                )
            bar = self._progress.tasks[self._bars[category]]
            self._progress.update(
                self._bars[category],
                completed=results.total(),
                warm=results[Result.ALREADY_WARM],
                errors=results[Result.FAILED] + results[Result.NOT_STORED],
                rate=f"{bar.speed or 0:,.0f}",
            )


def _progress(stream: TextIO) -> Progress:
    from rich import progress  # noqa: PLC0415 - a pipeline, where nobody looks, need not load it
    from rich.console import Console  # noqa: PLC0415

    return progress.Progress(
        progress.TextColumn("{task.description:<12}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}/s"),
        progress.TextColumn("{task.fields[warm]} warm"),
        progress.TextColumn("{task.fields[errors]} errors"),
        progress.TimeRemainingColumn(),
        console=Console(file=stream),
        transient=True,
    )


@contextmanager
def watching(
    choice: str,
    stream: TextIO,
    category_of: Categories = lambda outcome: "entries",  # noqa: ARG005 - all are of one kind
    totals: Mapping[str, int] | None = None,
) -> Iterator[Watcher]:
    """A watcher of the wanted kind; ``auto`` is bars on a terminal and lines elsewhere.

    ``totals`` says how many entries a category will have, where that is known.
    """
    if choice == "auto":
        choice = "bar" if stream.isatty() else "lines"
    if choice == "bar":
        with _progress(stream) as progress:
            yield Bars(category_of, progress, totals)
    elif choice == "lines":
        yield Lines(category_of, stream, totals)
    else:
        yield Watcher(category_of)


def describe_counts(results: Counter[Result]) -> str:
    """``12 entries: 10 stored, 2 already_warm``."""
    counts = ", ".join(f"{results[result]} {result}" for result in Result if results[result])
    return f"{results.total()} entries" + (f": {counts}" if counts else "")
