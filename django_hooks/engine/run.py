"""Runs warmers one after the other, a batch at a time, and gives an outcome for every entry.

Memory is bounded by a batch, whatever a warmer yields. A key that is there is left alone unless the run refreshes: it
is looked for before its value is computed and once more right before it is written, since a visitor may have filled
it meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from django_hooks import stores
from django_hooks.warmers.base import Warmer
from url_manifests.outcomes import Outcome, Result

from . import write
from .plan import Planned, failure, is_never_stored, plan_entry

BATCH: Final = 100
"""Entries planned, computed, written and read back together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run is asked to do."""

    key_pattern: str = ""
    """Shell pattern that a key must match; others are not looked at."""
    refresh: bool = False
    """Compute and write live keys too, with the application's timeout."""
    deadline_s: float | None = None


class Engine:
    """One run. ``clock`` is monotonic seconds."""

    def __init__(self, options: RunOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._dead: set[str] = set()
        """Aliases whose store did not answer: each key there would wait for a time-out of its own."""
        self._ends_at = None if options.deadline_s is None else clock() + options.deadline_s

    @property
    def is_late(self) -> bool:
        return self._ends_at is not None and self._clock() >= self._ends_at

    def plan(self, warmer: Warmer) -> Iterator[Planned | Outcome]:
        """The warmer's entries, checked and completed; nothing is computed and no cache is asked."""
        try:
            for entry in warmer.entries():
                if self.is_late:
                    yield _left_out(warmer)
                    return
                planned = plan_entry(warmer, entry)
                if self._is_wanted(planned):
                    yield planned
        except Exception as error:  # noqa: BLE001 - any code of the project runs here; reported with the warmer's name
            yield failure(warmer.name, "compute-failed", stores.describe(error))

    def _is_wanted(self, planned: Planned | Outcome) -> bool:
        if not self._options.key_pattern:
            return True
        key = planned.key if isinstance(planned, Planned) else planned.url.partition(":")[2]
        return fnmatchcase(key, self._options.key_pattern)

    def run(self, warmers: Iterable[Warmer]) -> Iterator[Outcome]:
        """Warm; outcomes come a batch at a time."""
        for warmer in warmers:
            yield from self._run_warmer(warmer)

    def _run_warmer(self, warmer: Warmer) -> Iterator[Outcome]:
        for batch in stores.batches(self.plan(warmer), BATCH):
            self._warm([item for item in batch if isinstance(item, Planned)])
            outcomes = (item.outcome if isinstance(item, Planned) else item for item in batch)
            yield from (outcome for outcome in outcomes if outcome is not None)

    def _warm(self, everything: list[Planned]) -> None:
        # Two contexts may well lead to one key; it is warmed once, and both are told how it went.
        first = {(planned.alias, planned.key, planned.version): planned for planned in reversed(everything)}
        self._warm_unique(list(reversed(first.values())))
        for planned in everything:
            planned.outcome = first[planned.alias, planned.key, planned.version].outcome

    def _warm_unique(self, batch: list[Planned]) -> None:
        for planned in batch:
            self._end_early(planned)
        if not self._options.refresh:
            write.mark_present(batch, self._dead)
        if self._compute(batch) and not self._options.refresh:
            write.mark_present(batch, self._dead)
        write.write(batch, self._dead)
        write.verify(batch)

    def _end_early(self, planned: Planned) -> None:
        if is_never_stored(planned):
            planned.end(Result.NOT_STORED, "timeout-0", cacheable=False)
        elif stores.keeps_to_itself(planned.cache):
            # What this process writes there, no web worker ever sees: computing it would only cost.
            planned.end(Result.UNVERIFIABLE, "private-store")
        elif planned.alias in self._dead:
            planned.end(Result.FAILED, "backend-error", stores.NOT_TRIED)

    def _compute(self, batch: Iterable[Planned]) -> bool:
        """Whether anything had to be computed, and so time has gone by."""
        computed = False
        for planned in batch:
            if planned.outcome is not None or planned.entry.compute is None:
                continue
            if self.is_late:
                planned.end(Result.SKIPPED, "deadline")
                continue
            computed = True
            try:
                planned.value = planned.entry.compute()
            except Exception as error:  # noqa: BLE001 - a poisoned entry is reported, and the others go on
                planned.end(Result.FAILED, "compute-failed", stores.describe(error))
        return computed


def _left_out(warmer: Warmer) -> Outcome:
    # How many entries are left is not known without asking for them, and there is no time left to ask.
    return Outcome(
        url=f"{warmer.name}:*", result=Result.SKIPPED, reason="deadline", detail="the rest of this warmer", weight=1
    )
