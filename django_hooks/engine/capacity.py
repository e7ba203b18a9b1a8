"""Stops a run before a store throws out what lives there; asks the store seldom, and books in between."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django_hooks.backends import Room, Store

_FRESH_S: Final = 1.0
_CALM_BYTES: Final = 200 << 20
_CALM_ENTRIES: Final = 50_000
"""More than one writer can fill until it asks again. With less left, several that write ask before each batch."""


@dataclass(slots=True)
class _Known:
    room: Room
    asked_at_s: float
    bytes_then: float
    evictions_before: int | None


class Capacity:
    """What is known of each alias's store."""

    def __init__(self, writers: int = 1) -> None:
        self._writers = writers
        """How many fill the stores at the same time, this run's part being one of them."""
        self._known: dict[str, _Known] = {}
        self._full: dict[str, str] = {}
        self._booked: dict[str, list[int]] = {}
        """Alias → sizes of entries that were booked and are not written yet, so that the store cannot know of them."""

    def is_full(self, store: Store) -> bool:
        """Whether an entry did not fit; the run writes no more there."""
        return store.alias in self._full

    def why(self, store: Store) -> str:
        """Why the store is full; empty when it is not."""
        return self._full.get(store.alias, "")

    def take(self, store: Store, size_bytes: int) -> bool:
        """Book an entry; whether it fits. May raise what the backend raises."""
        if store.alias in self._full:
            return False
        known = self._current(store)
        if store.alias not in self._full and not known.room.take(size_bytes):
            # What was booked is estimated from above: ask before saying no.
            known = self._ask(store, tidies=True)
            if not known.room.take(size_bytes):
                self._full[store.alias] = f"nothing that lives is thrown out for it: {known.room.limit}"
        if store.alias in self._full:
            return False
        self._booked.setdefault(store.alias, []).append(size_bytes)
        return True

    def take_all(self, store: Store, sizes_bytes: Sequence[int]) -> bool:
        """Book entries at once, if all of them surely fit. May raise what the backend raises."""
        if store.alias in self._full:
            return False
        known = self._current(store)
        if store.alias in self._full or not known.room.take_all(sizes_bytes):
            return False
        self._booked.setdefault(store.alias, []).extend(sizes_bytes)
        return True

    def written(self, store: Store) -> None:
        """What was booked is in the store now."""
        self._booked.pop(store.alias, None)

    def _current(self, store: Store) -> _Known:
        known = self._known.get(store.alias)
        if known is None or known.room.bytes_left < known.bytes_then / 2:
            return self._ask(store)
        if self._writers > 1 and store.alias not in self._booked and not _is_calm(known.room):
            return self._ask(store)
        return self._ask(store) if time.monotonic() - known.asked_at_s > _FRESH_S else known

    def _ask(self, store: Store, *, tidies: bool = False) -> _Known:
        room = store.room(tidies=tidies)
        if self._writers > 1:
            room.share(self._writers)
        for size_bytes in self._booked.get(store.alias, ()):
            room.take(size_bytes)
        before = self._known.get(store.alias)
        evictions = before.evictions_before if before else room.evictions
        known = _Known(room, time.monotonic(), room.bytes_left, evictions)
        self._known[store.alias] = known
        if evictions is not None and room.evictions is not None and room.evictions > evictions:
            thrown_out = room.evictions - evictions
            self._full[store.alias] = f"it has thrown out {thrown_out} live entries since the run began: {room.limit}"
        return known

    def why_lost(self, store: Store) -> str:
        """The reason for an entry that is gone right after it was written."""
        self._ask(store)
        return "evicted" if self.why(store).startswith("it has") else "refused-by-backend"


def _is_calm(room: Room) -> bool:
    return min(room.bytes_left / _CALM_BYTES, room.entries_left / _CALM_ENTRIES) > 1
