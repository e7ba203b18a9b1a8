"""Runs warmers one after the other, some entries at a time, and gives an outcome for every entry.

Memory is bounded by a batch, whatever a warmer yields. A key that is there is left alone unless the run refreshes: it
is looked for before its value is computed, and is only ever added when it is written, since a visitor may have filled
it meanwhile.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from fnmatch import translate
from itertools import chain

from django_hooks import stores
from django_hooks.backends import Store
from django_hooks.backends.sameness import is_same
from django_hooks.warmers.base import UNSET, Warmer
from django_hooks.warmers.key_batches import has_key_batches
from django_hooks.warmers.secret_keys import told
from url_manifests.outcomes import Outcome, Result

from .ahead import Ahead
from .alarm import Alarm, OverdueError
from .awaiting import taken
from .batch import BatchResult, WarmKeys
from .compute import Computer
from .connections import drop_broken
from .inventory import Inventory, key_of
from .memory import MemoryWatch
from .options import RunOptions
from .plan import Planned, Planner, failure, is_never_stored
from .sizing import Sizer
from .write import Writer


class Engine:
    """One run.

    Args:
        options: what is asked for.
        clock: monotonic seconds.
    """

    def __init__(self, options: RunOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._ends_at = None if options.deadline_s is None else clock() + options.deadline_s
        self._wants = re.compile(translate(options.key_pattern)).match if options.key_pattern else None
        self._planner = Planner()
        self._memory = MemoryWatch(options.max_memory_bytes)
        self._writer = Writer(options, lambda: self.is_late)
        self._ahead = Ahead()
        self._inventory = Inventory(options, self._planner, self._writer, self._wants, self._ahead)
        self._alarm = Alarm(self._left_s)
        self._computer = Computer(options, lambda: self.is_late, self._alarm)

    @property
    def is_late(self) -> bool:
        return self._ends_at is not None and self._clock() >= self._ends_at

    def _left_s(self) -> float | None:
        return None if self._ends_at is None else self._ends_at - self._clock()

    def _entries(self, warmer: Warmer) -> Iterator[Planned | Outcome | WarmKeys]:
        """`plan`, but with the stores asked at once for what comes in batches of keys."""
        # A run that refreshes makes every entry anyway.
        return self.plan(warmer) if self._options.refresh or not has_key_batches(warmer) else self._not_warm(warmer)

    def _not_warm(self, warmer: Warmer) -> Iterator[Planned | Outcome | WarmKeys]:
        try:
            for entries in self._inventory.each(warmer, warmer.key_batches()):
                for entry in chain((None,), entries):
                    if self.is_late:
                        yield _left_out(warmer, "deadline")
                        return
                    if entry is not None:
                        yield entry
        except stores.RAISED as error:  # any code of the project runs here; reported with the warmer's name
            drop_broken(error)
            yield failure(warmer.name, "compute-failed", told(error, warmer))

    def plan(self, warmer: Warmer) -> Iterator[Planned | Outcome]:
        """The warmer's entries, checked and completed; nothing is computed and no cache is asked."""
        try:
            for entry in taken(warmer.entries()):
                if self.is_late:
                    yield _left_out(warmer, "deadline")
                    return
                planned = self._planner.plan(warmer, entry)
                if self._wants is None or self._wants(key_of(entry)):
                    yield planned
        except stores.RAISED as error:  # any code of the project runs here; reported with the warmer's name
            drop_broken(error)
            yield failure(warmer.name, "compute-failed", told(error, warmer))

    def run(self, warmers: Iterable[Warmer]) -> Iterator[Outcome]:
        """Warm; an outcome for every entry, a batch at a time."""
        return chain.from_iterable(batch.outcomes() for batch in self.batches(warmers))

    def batches(self, warmers: Iterable[Warmer]) -> Iterator[BatchResult]:
        """Warm; the same, without an object for each entry of which nothing is to be said."""
        with self._alarm.set(), self._computer, closing(self._planner), self._ahead:
            for warmer in warmers:
                yield from self._run_warmer(warmer)

    def _run_warmer(self, warmer: Warmer) -> Iterator[BatchResult]:
        sizer = Sizer(self._options, self._memory, self._planner.known_store(warmer.alias))
        plan = self._entries(warmer)
        while not self._memory.problem and (entries := self._take(warmer, sizer, plan)):
            self._warm(warmer, [entry for entry in entries if isinstance(entry, Planned)], sizer)
            self._memory.look()
            yield BatchResult(warmer.name, warmer.category, entries)
        if self._memory.problem:
            left_out = _left_out(warmer, "memory", self._memory.problem)
            yield BatchResult(warmer.name, warmer.category, [left_out])

    def _take(
        self, warmer: Warmer, sizer: Sizer, plan: Iterator[Planned | Outcome | WarmKeys]
    ) -> Sequence[Planned | Outcome | WarmKeys]:
        try:
            with self._alarm.watching():
                return sizer.take(plan)
        except OverdueError:
            return [_left_out(warmer, "deadline")]

    def _warm(self, warmer: Warmer, rows: Sequence[Planned], sizer: Sizer) -> None:
        # Two contexts may well lead to one key; it is warmed once, and both are told how it went.
        if len({row.made for row in rows}) == len(rows):
            self._warm_unique(warmer, rows, sizer)
            return
        first: dict[tuple[str, str], Planned] = {}
        for row in rows:
            other = first.setdefault((row.store.alias, row.made), row)
            if other is not row and (problem := _contradiction(other, row)):
                row.end(Result.FAILED, "bad-entry", f"this key was yielded before with {problem}")
        self._warm_unique(warmer, list(first.values()), sizer)
        for row in rows:
            row.end_like(first[row.store.alias, row.made])

    def _warm_unique(self, warmer: Warmer, rows: Sequence[Planned], sizer: Sizer) -> None:
        for row in rows:
            if is_never_stored(row):
                row.end(Result.NOT_STORED, "timeout-0", cacheable=False)
        if self._needs_a_look(warmer, rows, sizer):
            for store, members in _by_store(rows).items():
                self._writer.look(store, members, warmer)
        waiting: dict[Store, list[Planned]] = defaultdict(list)
        for row in self._computer.computed(warmer, [row for row in rows if row.result is None], sizer.bulk):
            batch = waiting[row.store]
            batch.append(row)
            if sizer.is_filled_by(row, batch):
                self._flush(warmer, row.store, waiting.pop(row.store), sizer)
        for store, batch in waiting.items():
            self._flush(warmer, store, batch, sizer)
        sizer.found_live = any(row.result is Result.ALREADY_WARM for row in rows)

    def _needs_a_look(self, warmer: Warmer, rows: Sequence[Planned], sizer: Sizer) -> bool:
        """Whether it is worth asking first what is there.

        Where the values came along, the write itself finds that out; so when nothing was there of late, it need not be
        asked twice.
        """
        options = self._options
        if sizer.found_live or options.refresh or options.fresh_for_s or type(warmer).outdated is not Warmer.outdated:
            return True
        return any(row.value is UNSET or row.is_asked for row in rows)

    def _flush(self, warmer: Warmer, store: Store, batch: Sequence[Planned], sizer: Sizer) -> None:
        self._writer.flush(store, batch, warmer)
        sizer.flushed()
        for row in batch:
            row.value = row.data = None  # Memory is for the next batch.


def _by_store(rows: Iterable[Planned]) -> dict[Store, list[Planned]]:
    groups: dict[Store, list[Planned]] = defaultdict(list)
    for row in rows:
        if row.result is None:
            groups[row.store].append(row)
    return groups


def _contradiction(one: Planned, other: Planned) -> str:
    if one.timeout_s != other.timeout_s:
        return "another timeout"
    if one.value is UNSET or other.value is UNSET or one.value is other.value:
        return ""
    try:
        return "" if is_same(one.value, other.value) else "another value"
    except stores.RAISED as error:  # which one is meant, nobody knows
        return f"a value that cannot be compared with this one: {stores.describe(error)}"


def _left_out(warmer: Warmer, reason: str, detail: str = "the rest of this warmer") -> Outcome:
    # How many entries are left is not known without asking for them, and there is no time left to ask.
    return Outcome(url=f"{warmer.name}:*", result=Result.SKIPPED, reason=reason, detail=detail, weight=1)
