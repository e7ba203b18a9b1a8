"""How many entries are taken, computed and written at once, so that what is in memory stays within bounds."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from django_hooks import stores
from django_hooks.backends import Store
from django_hooks.warmers.base import UNSET
from url_manifests.outcomes import Outcome

from .batch import WarmKeys
from .memory import MemoryWatch
from .options import RunOptions
from .plan import Planned

_FIRST: Final = 64
"""Entries of the first batch, before anything is known of their size."""
_GROWTH: Final = 4
_WARM: Final = 4
"""Batches of keys that are all warm after which a run says how far it is, however little there was to do."""

Entry: TypeAlias = Planned | Outcome | WarmKeys


class Sizer:
    """Learns from one warmer's values how many of them make a batch."""

    def __init__(self, options: RunOptions, memory: MemoryWatch, store: Store | None) -> None:
        self._options = options
        self._memory = memory
        self._most_keys = options.batch_keys or (store.batch_keys if store else _FIRST)
        self._keys = min(_FIRST, self._most_keys)
        self._count = 0
        self._bytes = 0
        self._unwritten = 0
        self.found_live = True
        """Whether some of the last entries were live already; at first nobody knows."""

    @property
    def _limit_bytes(self) -> float:
        return self._options.batch_bytes * self._memory.scale

    @property
    def bulk(self) -> int:
        """How many values may be in memory at once before they are encoded."""
        fitting = self._keys if not self._count else int(self._limit_bytes / max(1, self._bytes / self._count))
        return max(1, min(fitting, int(self._most_keys * self._memory.scale)))

    def take(self, plan: Iterator[Entry]) -> Sequence[Entry]:
        """The next entries; empty at the end."""
        taken: list[Entry] = []
        size_bytes = warm = 0
        keys, limit_bytes = self._keys, self._limit_bytes
        for count, entry in enumerate(plan, start=1):
            taken.append(entry)
            if isinstance(entry, Planned):
                if isinstance(entry.value, str | bytes):
                    size_bytes += len(entry.value)
            elif isinstance(entry, WarmKeys):
                warm += 1
            if count >= keys or size_bytes >= limit_bytes or warm >= _WARM:
                break
        if warm:
            return taken
        self._keys = min(self.bulk, len(taken) * _GROWTH) if self._count else self._blind(taken)
        return taken

    def _blind(self, taken: Sequence[Entry]) -> int:
        """As nothing was encoded so far, weigh one of the values that came along."""
        row = next((row for row in taken if isinstance(row, Planned) and row.value is not UNSET), None)
        most = max(1, int(self._most_keys * self._memory.scale))
        if row is not None:
            try:
                size_bytes = len(pickle.dumps(row.value))
            except stores.RAISED:  # it is reported when it is its turn; nothing is known of its size
                return self._keys
            most = min(most, max(1, int(self._limit_bytes / size_bytes)))
        return min(most, self._keys * _GROWTH)

    def is_filled_by(self, row: Planned, batch: Sequence[Planned]) -> bool:
        """Learn from an encoded entry; whether it is time to write the batch of which it is the last one."""
        self._count += 1
        self._bytes += row.size_bytes
        self._unwritten += row.size_bytes
        return self._unwritten >= self._limit_bytes or len(batch) >= self._most_keys

    def flushed(self) -> None:
        """All that was noted is written."""
        self._unwritten = 0
