"""A warmer seen through a gate: only a part of its entries, or only so many, or those that visitors read first."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import compress
from typing import Any, Protocol
from zlib import crc32

from .engine.awaiting import taken
from .strategies import Budget
from .warmers import Warmer
from .warmers.key_batches import KeyBatch, has_key_batches


class Gate(Protocol):
    """Decides which entries pass."""

    @property
    def is_closed(self) -> bool:
        """Whether no further entry will pass."""

    def admit(self, entry: Any) -> Any:
        """The entry, or one in its place; ``None`` when it does not pass. A warmer may yield anything but that."""

    def narrow(self, batch: KeyBatch) -> KeyBatch:
        """What passes of a batch of keys."""


def through(warmer: Warmer, *gates: Gate) -> Warmer:
    """A warmer like this one, of whose entries only those come that pass one gate; the first gate's come first.

    The entries are asked for once for each gate.
    """
    narrowed = copy.copy(warmer)
    # On the copy it hides the method, and all else a subclass does stays as it is.
    vars(narrowed)["entries"] = partial(_entries, warmer, gates)
    if has_key_batches(warmer):
        vars(narrowed)["key_batches"] = partial(_key_batches, warmer, gates)
    return narrowed


def _entries(warmer: Warmer, gates: Sequence[Gate]) -> Iterator[Any]:
    for gate in gates:
        if not gate.is_closed:
            yield from _admitted(taken(warmer.entries()), gate)


def _key_batches(warmer: Warmer, gates: Sequence[Gate]) -> Iterator[KeyBatch]:
    for gate in gates:
        for batch in warmer.key_batches():
            if gate.is_closed:
                break
            yield gate.narrow(batch)


def as_whole(batch: KeyBatch, gate: Gate) -> KeyBatch:
    """The batch with all its keys, of whose entries only those are made that pass."""
    return replace(
        batch,
        make=lambda: _admitted(batch.make(), gate),
        ends_early=lambda: gate.is_closed or batch.ends_early(),
    )


def one_by_one(batch: KeyBatch, gate: Gate) -> KeyBatch:
    """The batch for a gate that has to see each entry."""
    return replace(as_whole(batch, gate), keys=None)


def _admitted(entries: Iterable[Any], gate: Gate) -> Iterator[Any]:
    for entry in entries:
        if (passed := gate.admit(entry)) is not None:
            yield passed
        elif gate.is_closed:
            return


class Part:
    """One of several disjoint parts of a warmer's entries; together they are all of them.

    By a hash of the key, so that two entries of one key are in one part, on every machine.
    """

    is_closed = False

    def __init__(self, part: int, parts: int) -> None:
        self._part = part
        self._parts = parts

    def admit(self, entry: Any) -> Any:
        key = getattr(entry, "key", None)
        # What is no proper entry has to be reported by exactly one of the workers.
        place = crc32(key.encode("utf-8", "replace")) % self._parts if isinstance(key, str) else 0
        return entry if place == self._part else None

    def narrow(self, batch: KeyBatch) -> KeyBatch:
        if batch.keys is None:
            return one_by_one(batch, self)
        ours = [crc32(key.encode("utf-8", "replace")) % self._parts == self._part for key in batch.keys]
        # What can be said of all keys together would take reading those of the other parts.
        keys = list(compress(batch.keys, ours))
        return replace(batch, keys=keys, make=lambda: compress(batch.make(), ours), are_sound=None)


class Purse:
    """A budget as it is spent, by one warmer or by all of a category.

    Args:
        budget: what may be spent.
        clock: monotonic seconds.
    """

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._bytes = 0
        self._clock = clock
        self._began_at: float | None = None
        self._keys = 0
        self.spent = ""
        """What has run out: ``keys``, ``seconds`` or ``bytes``."""

    @property
    def is_closed(self) -> bool:
        return bool(self.spent)

    def admit(self, entry: Any) -> Any:
        if self._is_spent():
            return None
        self._keys += 1
        return entry

    def _is_spent(self) -> bool:
        if self._began_at is None:
            self._began_at = self._clock()
        limits = self._budget
        if limits.keys is not None and self._keys >= limits.keys:
            self.spent = "keys"
        elif limits.seconds is not None and self._clock() - self._began_at >= limits.seconds:
            self.spent = "seconds"
        elif limits.bytes is not None and self._bytes >= limits.bytes:
            self.spent = "bytes"
        return bool(self.spent)

    def narrow(self, batch: KeyBatch) -> KeyBatch:
        # Which keys are the last ones that may be looked at, is for each entry to say.
        return one_by_one(batch, self) if self._budget.keys is not None or self._is_spent() else as_whole(batch, self)

    def charge(self, size_bytes: int) -> None:
        """Note what was written; it is known a batch at a time, so the last batch may go beyond the limit."""
        self._bytes += size_bytes


def share_of(budget: Budget, part: int, parts: int) -> Budget:
    """What one of several parts may spend, so that all together spend no more; each may take all of the time."""

    def split(whole: int | None) -> int | None:
        return None if whole is None else whole // parts + (part < whole % parts)

    return Budget(seconds=budget.seconds, keys=split(budget.keys), bytes=split(budget.bytes))
