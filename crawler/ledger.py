"""What came of each request: the outcome file and the report's counts, always in step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from url_manifests.errors import UnwritableError
from url_manifests.outcomes import Outcome, OutcomeWriter, Result, RunInfo
from url_manifests.report import Report

from .resume import earlier_run, kept
from .sample import Sample


class Ledger:
    """Open from `open` to `close`.

    Args:
        path: of the outcome file.
        info: its first line.
        report: counts what is recorded.
    """

    def __init__(self, path: Path, info: RunInfo, report: Report) -> None:
        self._path = path
        self._info = info
        self._writer: OutcomeWriter | None = None
        self._is_broken = False
        self.report = report
        self.sample = Sample(info.run_id)
        """Some of what was proven, for the late check."""

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    def open(self, mark: dict[str, Any]) -> None:
        """Begin the file of a run with this `plan_mark`.

        Raises:
            OSError: it cannot be written.
        """
        self._info = replace(self._info, extra={**self._info.extra, "plan": mark})
        self._writer = OutcomeWriter(self._path, self._info)

    def reopen(self, mark: dict[str, Any], keep: Callable[[Outcome], None]) -> None:
        """Go on with the file of this run; ``keep`` is told what stays in it.

        Raises:
            ConfigurationError, FileFormatError: see `earlier_run`.
            OSError: it cannot be written.
        """
        earlier = earlier_run(self._path, self._info.run_id, mark)
        self._info = earlier.run
        with self.rewriting() as record:
            for place, outcome in enumerate(kept(earlier)):
                keep(outcome)
                record(outcome)
                self._offer(place, outcome)

    def _offer(self, place: int, outcome: Outcome) -> None:
        if outcome.result.is_proven and not outcome.found_in:
            self.sample.offer(place, outcome)

    def record(self, outcome: Outcome) -> None:
        """Count an outcome and write it down.

        Raises:
            UnwritableError: that is no longer possible; from then on outcomes are only counted.
        """
        assert self._writer is not None, "open() comes first"
        self._offer(self.report.planned, outcome)
        self.report.add(outcome)
        if not self._is_broken:
            try:
                self._writer.write(outcome, flush=outcome.result is not Result.SKIPPED)
            except UnwritableError:
                self._is_broken = True
                raise

    @contextmanager
    def rewriting(self) -> Iterator[Callable[[Outcome], None]]:
        """Record all outcomes anew; they take the place of the old ones when the block ends well."""
        temporary = self._path.with_name(f".{self._path.name}.new")
        report = self.report.emptied()
        writer = OutcomeWriter(temporary, self._info)

        def record(outcome: Outcome) -> None:
            report.add(outcome)
            writer.write(outcome)

        try:
            yield record
            temporary.replace(self._path)
        except BaseException:
            writer.close()
            temporary.unlink(missing_ok=True)
            raise
        self.close()
        self._writer, self.report = writer, report

    def close(self) -> None:
        """End the file.

        Raises:
            UnwritableError: its last lines cannot be written.
        """
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
