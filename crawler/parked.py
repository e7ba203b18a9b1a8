"""Entries that were filled, and are proven later: first visits come before proof. Pure.

A second request helps no visitor, so it should not keep the next page cold. But proof must not be late either: what
waits is held in memory, stays unproven when the run is stopped, and may end by its own timeout. So an entry waits for a
minute at most (``WARM_PROVE_WITHIN``), with so many others at most, and not at all when something of it ends soon.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from .visit import Visit

MOST: Final = 2000
MOST_KEYS: Final = 20_000
"""Traced keys of all that wait: some pages have hundreds."""
SOON: Final = 5
"""What ends within so many times the wait is proven at once."""


class Parked:
    """A queue of visits; the one that was filled first is proven first.

    Args:
        longest_s: how long proof may wait; 0 for not at all.
        clock: monotonic seconds.
    """

    def __init__(self, longest_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._longest_s = longest_s
        self._clock = clock
        self._waiting: deque[tuple[float, Visit]] = deque()
        self._keys = 0
        self.requests = 0
        """So many are needed to prove all that wait."""

    def __len__(self) -> int:
        return len(self._waiting)

    def park(self, visit: Visit) -> bool:
        """Let a visit wait; false when it must be proven now."""
        if not self._longest_s or not visit.may_wait(SOON * self._longest_s):
            return False
        self._waiting.append((self._clock(), visit))
        self._keys += visit.keys_held
        self.requests += visit.requests_left
        return True

    def due(self) -> Visit | None:
        """The visit that has waited long enough, taken out."""
        if not self._waiting:
            return None
        is_full = len(self._waiting) > MOST or self._keys > MOST_KEYS
        return self.next() if is_full or self._clock() - self._waiting[0][0] >= self._longest_s else None

    def next(self) -> Visit | None:
        """The visit that has waited longest, taken out."""
        if not self._waiting:
            return None
        _, visit = self._waiting.popleft()
        self._keys -= visit.keys_held
        self.requests -= visit.requests_left
        return visit
