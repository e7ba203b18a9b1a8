"""Writes a batch and reads it back. What the backend says about a write is not believed; what it has afterwards is."""

from __future__ import annotations

import hashlib
import pickle
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django_hooks import stores
from django_hooks.warmers.base import backend_timeout
from url_manifests.outcomes import Result

from .plan import Planned


def mark_present(batch: Iterable[Planned], dead: set[str]) -> None:
    """End those whose key is there already as warm, and those that cannot be read as failed.

    An alias whose store does not answer is added to ``dead``.
    """
    for group in _by_store(batch):
        found = _read(group)
        if found.gave_up:
            dead.add(group[0].alias)
        for planned in group:
            if planned.key in found.values:
                planned.end(Result.ALREADY_WARM)
            elif planned.key in found.unreadable:
                planned.end(Result.FAILED, "backend-error", found.unreadable[planned.key])


def write(batch: Iterable[Planned], dead: set[str]) -> None:
    """Hand the values to the backends, in one call for each alias, version and timeout; ``dead`` as above."""
    for group in _by_store_and_timeout(batch):
        first = group[0]
        try:
            _set_many(first, {planned.key: planned.value for planned in group})
        except Exception:  # noqa: BLE001 - one value may poison the call: each is tried alone, and its error reported
            _write_singly(group, dead)


def _write_singly(group: Sequence[Planned], dead: set[str]) -> None:
    failures_in_a_row = 0
    for planned in group:
        if failures_in_a_row >= stores.MAX_FAILURES_IN_A_ROW:
            dead.add(planned.alias)
            planned.end(Result.FAILED, "backend-error", stores.NOT_TRIED)
            continue
        try:
            _set_many(planned, {planned.key: planned.value})
            failures_in_a_row = 0
        except Exception as error:  # noqa: BLE001 - the backend, or the value's own pickling, may raise anything
            if _is_picklable(planned.value):
                failures_in_a_row += 1
                planned.end(Result.FAILED, "backend-error", stores.describe(error))
            else:
                planned.end(Result.FAILED, "unpicklable", stores.describe(error))


def verify(batch: Iterable[Planned]) -> None:
    """Read everything back and end it: stored, refused, or another value in its place."""
    for group in _by_store(batch):
        found = _read(group)
        for planned in group:
            if planned.key in found.unreadable:
                planned.end(Result.UNVERIFIABLE, "backend-error", found.unreadable[planned.key])
            elif planned.key not in found.values:
                planned.end(Result.NOT_STORED, "refused-by-backend")
            elif is_same(found.values[planned.key], planned.value):
                planned.end(Result.STORED)
            else:
                planned.end(Result.NOT_STORED, "different")


def is_same(read: Any, written: Any) -> bool:
    """Whether what was read is what was written.

    Both are compared as bytes after one way through pickle, because equality means too little for some (two model
    instances are equal by their primary key) and too much for others (objects without ``__eq__``). A backend with
    another serializer, which gives text for safe text, is satisfied by equality.
    """
    try:
        if _digest(read) == _digest(pickle.loads(pickle.dumps(written))):  # noqa: S301 - our own bytes
            return True
        return bool(read == written)
    except (pickle.PickleError, TypeError, ValueError, AttributeError):
        return False  # Not comparable, such as an array whose truth is ambiguous: reported as different.


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(pickle.dumps(value)).digest()


def _is_picklable(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - __reduce__ of a project's class may raise anything; the answer is no
        return False
    return True


def _set_many(like: Planned, data: dict[str, Any]) -> None:
    # The list of refused keys that Memcached returns is left aside: the read-back finds those, and more.
    like.cache.set_many(data, timeout=backend_timeout(like.timeout), version=like.version)  # type: ignore[arg-type]


def _read(group: Sequence[Planned]) -> stores.ReadBack:
    return stores.read_back(group[0].cache, [planned.key for planned in group], group[0].version)


def _by_store(batch: Iterable[Planned]) -> Iterable[list[Planned]]:
    return _grouped(((planned.alias, planned.version), planned) for planned in batch if planned.outcome is None)


def _by_store_and_timeout(batch: Iterable[Planned]) -> Iterable[list[Planned]]:
    return _grouped(
        ((planned.alias, planned.version, planned.timeout), planned) for planned in batch if planned.outcome is None
    )


def _grouped(pairs: Iterable[tuple[Any, Planned]]) -> Iterable[list[Planned]]:
    groups: dict[Any, list[Planned]] = defaultdict(list)
    for name, planned in pairs:
        groups[name].append(planned)
    return groups.values()
