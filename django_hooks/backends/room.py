"""How much a store can still take before it throws out, or refuses, what lives there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEADROOM: Final = 0.95
"""Share of a store that is filled at most: live traffic goes on writing, and estimates are estimates."""


@dataclass(slots=True, kw_only=True)
class Room:
    """What is left; `take` books it. Without limits, all fits."""

    bytes_left: float = math.inf
    entries_left: float = math.inf
    evictions: int | None = None
    """How many live entries the store has ever thrown out, where it counts them."""
    limit: str = ""
    """What the limit is, for people."""

    def share(self, writers: int) -> None:
        """Leave to others what is theirs, where so many write at the same time."""
        self.bytes_left /= writers
        self.entries_left /= writers

    def take_all(self, sizes_bytes: Sequence[int]) -> bool:
        """Book entries if all of them fit; ``False`` may also say that each is to be asked for."""
        if self.entries_left < len(sizes_bytes) or self.bytes_left < sum(sizes_bytes):
            return False
        self.entries_left -= len(sizes_bytes)
        self.bytes_left -= sum(sizes_bytes)
        return True

    def take(self, size_bytes: int) -> bool:
        """Book an entry; whether it fits."""
        if self.entries_left < 1 or self.bytes_left < size_bytes:
            return False
        self.entries_left -= 1
        self.bytes_left -= size_bytes
        return True
