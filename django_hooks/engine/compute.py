"""Computes and encodes what is missing; what raises costs its own entry."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from types import TracebackType
from typing import Any, Final, Self

from django.db import connections

from django_hooks import stores
from django_hooks.warmers.base import UNSET, BadEntryError, Warmer
from url_manifests.outcomes import Result

from .alarm import Alarm, OverdueError
from .awaiting import discard, for_each, is_awaitable, settled
from .connections import drop_broken
from .options import RunOptions
from .plan import Planned

_PER_THREAD: Final = 16
"""Values that a thread computes before its database connections are given back."""
_ALWAYS_READABLE: Final = frozenset({str, bytes, int, float, bool, type(None)})


class Computer:
    """Computes in this thread, in several, or in an event loop; a context manager."""

    def __init__(self, options: RunOptions, is_late: Callable[[], bool], alarm: Alarm) -> None:
        self._alarm = alarm
        self._threads = options.threads
        self._awaits = options.awaits
        self._reads_again = options.verify == "all"
        self._is_late = is_late
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._threads > 1:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="warm-cache")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def computed(self, warmer: Warmer, rows: Sequence[Planned], at_once: int) -> Iterator[Planned]:
        """The rows with their values, encoded; those that could not be had are ended and left out.

        Args:
            warmer: theirs.
            rows: none of them ended.
            at_once: how many values may be in memory before they are encoded.
        """
        for row in chain.from_iterable(self._valued(warmer, rows, at_once)):
            if row.result is None and _is_encoded(row) and (not self._reads_again or _is_readable(row)):
                yield row

    def _valued(self, warmer: Warmer, rows: Sequence[Planned], at_once: int) -> Iterator[Sequence[Planned]]:
        given = [row for row in rows if row.value is not UNSET]
        yield given
        self._evaluate_all([row for row in rows if row.entry.evaluate is not None])
        yield from self._single([row for row in rows if row.value is UNSET and row.entry.compute is not None], at_once)
        bulk = [row for row in rows if row.value is UNSET and row.entry.compute is None and row.result is None]
        for start in range(0, len(bulk), at_once):
            part = bulk[start : start + at_once]
            self._compute_many(warmer, part)
            yield part

    def _in_threads(self, rows: Sequence[Planned]) -> Iterator[Sequence[Planned]]:
        if self._pool is None:
            for row in rows:
                yield (self._compute(row),)
            return
        parts = [rows[start : start + _PER_THREAD] for start in range(0, len(rows), _PER_THREAD)]
        # No more at a time than there are threads: what is computed waits in memory.
        for start in range(0, len(parts), self._threads):
            yield from self._pool.map(self._compute_apart, parts[start : start + self._threads])

    def _single(self, rows: Sequence[Planned], at_once: int) -> Iterator[Sequence[Planned]]:
        """Call for each row; where that gives something to await, await many together."""
        awaited: list[Planned] = []
        for part in self._in_threads(rows):
            awaited += [row for row in part if is_awaitable(row.value)]
            yield [row for row in part if not is_awaitable(row.value)]
            if len(awaited) >= at_once:
                yield self._awaited(awaited)
                awaited = []
        if awaited:
            yield self._awaited(awaited)

    def _awaited(self, rows: Sequence[Planned]) -> Sequence[Planned]:
        for_each(rows, self._await, self._awaits)
        for row in rows:
            if row.result is None and is_awaitable(row.value):
                # The group that it was awaited in takes no notice of one that cancels itself.
                row.end(Result.FAILED, "compute-failed", CancelledError.__name__)
                discard(row.value)
        return rows

    async def _await(self, row: Planned) -> None:
        limit: asyncio.Timeout | None = None
        try:
            if self._is_late():
                row.end(Result.SKIPPED, "deadline")
                discard(row.value)
            else:
                async with asyncio.timeout(self._alarm.grace_s()) as limit:
                    row.value = await row.value
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a poisoned entry is reported, and the others go on
            detail = str(OverdueError()) if limit is not None and limit.expired() else stores.describe(error)
            row.end(Result.FAILED, "compute-failed", detail)

    def _compute_apart(self, rows: Sequence[Planned]) -> Sequence[Planned]:
        try:
            return [self._compute(row) for row in rows]
        finally:
            connections.close_all()

    def _compute(self, row: Planned) -> Planned:
        if self._is_late():
            row.end(Result.SKIPPED, "deadline")
        elif row.entry.compute is not None:
            try:
                with self._alarm.watching():
                    row.value = row.entry.compute()
            except BadEntryError as error:
                row.end(Result.FAILED, "bad-entry", str(error))
            except stores.RAISED as error:  # a poisoned entry is reported, and the others go on
                drop_broken(error)
                row.end(Result.FAILED, "compute-failed", stores.describe(error))
        return row

    def _evaluate_all(self, rows: Sequence[Planned]) -> None:
        for row in rows:
            if self._is_late():
                row.end(Result.SKIPPED, "deadline")
            elif row.entry.evaluate is not None:
                try:
                    with self._alarm.watching():
                        _evaluate(row, row.entry.evaluate)
                except stores.RAISED as error:
                    drop_broken(error)
                    row.end(Result.FAILED, "compute-failed", stores.describe(error))

    def _compute_many(self, warmer: Warmer, rows: Sequence[Planned]) -> None:
        """With halves where the whole raises, down to the entry that is behind it."""
        parts = [rows]
        failures_in_a_row = 0
        while parts:
            part = parts.pop()
            if self._is_late():
                _end_all(part, Result.SKIPPED, "deadline")
            elif failures_in_a_row >= stores.MAX_FAILURES_IN_A_ROW:
                _end_all(part, Result.FAILED, "compute-failed", "not tried: those before it all failed")
            else:
                try:
                    with self._alarm.watching():
                        found = settled(warmer.compute_many([row.entry for row in part]))
                    _fill_in(part, found)
                    failures_in_a_row = 0
                except stores.RAISED as error:
                    drop_broken(error)
                    if len(part) > 1:
                        parts += [part[len(part) // 2 :], part[: len(part) // 2]]
                        continue
                    part[0].end(Result.FAILED, "compute-failed", stores.describe(error))
                    failures_in_a_row += 1


def _evaluate(row: Planned, evaluate: Callable[[], int]) -> None:
    if not evaluate():
        row.end(Result.ALREADY_WARM)
    elif not (again := evaluate()):
        row.end(Result.STORED)
    else:
        row.end(Result.NOT_STORED, "query-not-cached", f"asked again, it took {again} queries")


def _fill_in(rows: Sequence[Planned], values: Any) -> None:
    for row in rows:
        value = values.get(row.key, UNSET)
        if value is UNSET:
            row.end(Result.SKIPPED, "gone", cacheable=False)
        elif isinstance(value, stores.RAISED):
            row.end(Result.FAILED, "compute-failed", stores.describe(value))
        else:
            row.value = value


def _is_encoded(row: Planned) -> bool:
    try:
        row.store.encode(row)
    except stores.RAISED as error:  # from a __reduce__ of the project's
        row.end(Result.FAILED, "unpicklable", stores.describe(error))
        return False
    return True


def _is_readable(row: Planned) -> bool:
    """Whether readers will get anything; what is read back afterwards is compared by its bytes."""
    if type(row.value) in _ALWAYS_READABLE:
        return True
    try:
        problem = "it gives None" if row.store.as_read(row) is None else ""  # pymemcache makes a miss of every error
    except stores.RAISED as error:  # from a __setstate__ of the project's
        problem = stores.describe(error)
    if problem:
        row.end(Result.FAILED, "unpicklable", f"it is pickled, and cannot be read again: {problem}")
    return not problem


def _end_all(rows: Sequence[Planned], result: Result, reason: str, detail: str = "") -> None:
    for row in rows:
        row.end(result, reason, detail)
