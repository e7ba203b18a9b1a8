"""Writes a batch and reads it back. What the backend says about a write is not believed; what it has afterwards is.

A store that cannot be reached is tried again for a while and then given up for the whole run. What fails otherwise is
narrowed down by halves to the entry that is behind it, and the others are written. A store without room is left alone.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final, TypeVar

from django_hooks import store_state, stores
from django_hooks.backends import GONE, Finding, Problems, Store
from django_hooks.outages import is_passing
from django_hooks.warmers.base import CacheEntry, Warmer
from django_hooks.warmers.secret_keys import told, withheld
from url_manifests.outcomes import Result

from .capacity import Capacity
from .options import RunOptions
from .plan import Planned
from .retry import patiently

logger = logging.getLogger(__name__)

_SAMPLE_SHARE: Final = 0.05

_T = TypeVar("_T")


class Writer:
    """All that one run does to the stores; says how each entry ended by `Planned.end`."""

    def __init__(self, options: RunOptions, is_late: Callable[[], bool]) -> None:
        self._options = options
        self._is_late = is_late
        self._capacity = Capacity(options.writers)
        self.dead: dict[str, tuple[str, str]] = {}
        """Alias whose store is given up → reason and detail; each key there would wait for a time-out of its own."""

    def end_early(self, store: Store, rows: Sequence[Planned]) -> bool:
        """Whether nothing can be done to this store; all is ended then."""
        if stores.keeps_to_itself(store.cache):
            # What this process writes there, no web worker ever sees: computing it would only cost.
            _end_all(rows, Result.UNVERIFIABLE, "private-store")
        elif store.alias in self.dead:
            reason, detail = self.dead[store.alias]
            _end_all(rows, Result.FAILED, reason, f"{stores.NOT_TRIED}: {detail}")
        else:
            return False
        return True

    def look(self, store: Store, rows: Sequence[Planned], warmer: Warmer) -> None:
        """Before anything is computed: end what is there already as warm, and, once the store is full, all others.

        A run that refreshes asks all the same: values for a store that is down need not be computed.
        """
        self._each(store, [row for row in rows if not row.is_asked], lambda part: self._look_at(store, part, warmer))
        if self.end_early(store, rows):
            return
        if self._capacity.is_full(store):
            _end_all(rows, Result.SKIPPED, "no-room", self._capacity.why(store))

    def ask(self, store: Store, call: Callable[[], _T]) -> _T | None:
        """What the store says, or ``None`` where it does not: each entry that is then looked for reports why."""
        try:
            options = self._options
            return patiently(call, store, options.retries, self._is_late, at_least_s=options.cache_wait_s)
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            if is_passing(error):
                self.dead[store.alias] = ("cache-down", stores.describe(error))
            return None

    def _look_at(self, store: Store, rows: Sequence[Planned], warmer: Warmer) -> None:
        live = [rows[index] for index in store.present(rows)]
        if self._options.refresh:
            for row in rows:
                row.overwrites = True
        elif self._options.fresh_for_s and store.tells_time_left and live:
            for row, left_s in zip(live, store.time_left_s(live), strict=True):
                row.overwrites = isinstance(left_s, float) and left_s <= self._options.fresh_for_s
        if live and type(warmer).outdated is not Warmer.outdated:
            _overwrite_outdated(live, warmer)
        for row in live:
            if not row.overwrites:
                row.end(Result.ALREADY_WARM)

    def flush(self, store: Store, rows: Sequence[Planned], warmer: Warmer) -> None:
        """Write the warmer's rows, none of which has ended, and all of which are encoded; read them back."""
        if self.end_early(store, rows):
            return
        live: set[int] = set()
        if self._options.refresh:
            extends = warmer.refresh_extends
            self._each(store, rows, lambda part: live.update(_keep_life(store, part, extends=extends)))
        self._each(store, rows, lambda part: self._trim(store, part, live))
        started_s = time.monotonic()
        self._each(store, rows, lambda part: self._write(store, part))
        self._capacity.written(store)
        if type(warmer).changed_meanwhile is not Warmer.changed_meanwhile:
            self._withdraw(store, _open(rows), warmer)
        self._prove(store, _open(rows), started_s)

    def _trim(self, store: Store, rows: Sequence[Planned], live: set[int]) -> None:
        limit = store.max_value_bytes
        are_small = limit is None or max(len(row.data or b"") for row in rows) <= limit
        if not live and are_small and self._capacity.take_all(store, [row.size_bytes for row in rows]):
            return
        for row in rows:
            if limit is not None and row.data is not None and len(row.data) > limit:
                # Memcached would even drop the old value.
                row.end(Result.FAILED, "value-too-large", f"{len(row.data)} bytes, the backend takes {limit}")
            elif id(row) not in live and not self._capacity.take(store, row.size_bytes):
                break
        if self._capacity.is_full(store):
            _end_all(
                [row for row in rows[rows.index(row) :] if id(row) not in live],
                Result.SKIPPED,
                "no-room",
                self._capacity.why(store),
            )

    def _write(self, store: Store, rows: Sequence[Planned]) -> None:
        for overwrite in (False, True):
            part = [row for row in rows if row.overwrites is overwrite]
            for index, (finding, detail) in (store.write(part, overwrite=overwrite) if part else {}).items():
                if finding is Finding.TAKEN:
                    part[index].end(Result.ALREADY_WARM)  # A visitor was faster.
                else:
                    part[index].end(Result.FAILED, "backend-error", detail)

    def _withdraw(self, store: Store, rows: Sequence[Planned], warmer: Warmer) -> None:
        """Delete what was right when it was computed, and is no longer."""
        try:
            values = {row.key: row.value for row in rows}
            changed = set(warmer.changed_meanwhile([row.entry for row in rows], values)) if rows else set[str]()
        except stores.RAISED as error:  # any code of the project runs here; what it cannot vouch for goes
            changed = {row.key for row in rows}
            logger.warning("cache_warming.changed_meanwhile_failed", extra={"error": told(error, warmer)})
        withdrawn = [row for row in rows if row.key in changed]
        self._each(store, withdrawn, store.delete)
        _end_all(withdrawn, Result.SKIPPED, "changed-meanwhile")

    def _prove(self, store: Store, rows: Sequence[Planned], started_s: float) -> None:
        if self._options.verify == "none":
            _end_all(rows, Result.UNVERIFIABLE)
            return
        if self._options.verify == "sample" and rows:
            sample = random.sample(rows, max(1, int(len(rows) * _SAMPLE_SHARE)))
            self._verify(store, sample, started_s)
            if all(row.result is Result.STORED for row in sample):
                _end_all(rows, Result.STORED)
        self._verify(store, _open(rows), started_s)

    def _verify(self, store: Store, rows: Sequence[Planned], started_s: float) -> None:
        def verify(part: Sequence[Planned]) -> None:
            problems = store.verify(part, time.monotonic() - started_s)
            if problems:
                self._end_problems(store, part, problems, started_s)
            _end_all(part, Result.STORED)

        self._each(store, rows, verify, failed=Result.UNVERIFIABLE)

    def _end_problems(self, store: Store, rows: Sequence[Planned], problems: Problems, started_s: float) -> None:
        lost = ""
        for index, (finding, detail) in problems.items():
            row = rows[index]
            if finding is Finding.MISSING:
                if row.timeout_s is not None and row.timeout_s <= time.monotonic() - started_s + 1:
                    row.end(Result.NOT_STORED, "expired")
                    continue
                lost = lost or store_state.why_lost(store.cache) or self._capacity.why_lost(store)
                row.end(Result.NOT_STORED, lost, detail)
            elif finding is Finding.UNREADABLE:
                row.end(Result.UNVERIFIABLE, "backend-error", detail)
            else:
                row.end(Result.NOT_STORED, "different" if finding is Finding.DIFFERENT else "timeout-differs", detail)

    def _each(
        self,
        store: Store,
        rows: Sequence[Planned],
        call: Callable[[Sequence[Planned]], None],
        failed: Result = Result.FAILED,
    ) -> None:
        """Call with all rows that have not ended; where that raises, with halves, down to the row that is behind it."""
        parts = [_open(rows)]
        failures_in_a_row = 0
        while parts:
            part = _open(parts.pop())
            if not part or self.end_early(store, part):
                continue
            try:
                self._patiently(store, call, part)
                failures_in_a_row = 0
            except Exception as error:  # noqa: BLE001 - a backend may raise anything; reported with each key it concerns
                # What is said of a dead store is said of other warmers' keys too.
                detail = withheld(stores.describe(error), *chain.from_iterable(row.secrets for row in part))
                if is_passing(error):
                    self.dead[store.alias] = ("cache-down", detail)
                    _end_all(part, failed, "cache-down", detail)
                elif len(part) > 1:
                    parts += [part[len(part) // 2 :], part[: len(part) // 2]]
                else:
                    part[0].end(failed, "backend-error", detail)
                    failures_in_a_row += 1
                    if failures_in_a_row >= stores.MAX_FAILURES_IN_A_ROW:
                        self.dead[store.alias] = ("backend-error", detail)

    def _patiently(self, store: Store, call: Callable[[Sequence[Planned]], None], rows: Sequence[Planned]) -> None:
        options = self._options
        patiently(lambda: call(rows), store, options.retries, self._is_late, at_least_s=options.cache_wait_s)


def outdated_among(live: Sequence[CacheEntry], warmer: Warmer) -> set[str]:
    """The keys of entries that nobody would use."""
    try:
        return set(warmer.outdated(live))
    except stores.RAISED as error:  # any code of the project runs here; what it cannot vouch for is not warm
        logger.warning("cache_warming.outdated_failed", extra={"error": told(error, warmer)})
        return {entry.key for entry in live}


def _overwrite_outdated(live: Sequence[Planned], warmer: Warmer) -> None:
    outdated = outdated_among([row.entry for row in live], warmer)
    for row in live:
        row.overwrites = row.overwrites or row.key in outdated


def _keep_life(store: Store, rows: Sequence[Planned], *, extends: bool) -> set[int]:
    """Give entries that live the time that they have left; the identities of those."""
    if not store.tells_time_left:
        return set()
    live = set()
    for row, left_s in zip(rows, store.time_left_s(rows), strict=True):
        if left_s is not GONE:
            live.add(id(row))
            if not extends:
                row.timeout_s = left_s
    return live


def _open(rows: Sequence[Planned]) -> Sequence[Planned]:
    return [row for row in rows if row.result is None]


def _end_all(rows: Sequence[Planned], result: Result, reason: str = "", detail: str = "") -> None:
    for row in rows:
        row.end(result, reason, detail)
