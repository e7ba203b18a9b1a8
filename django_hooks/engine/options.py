"""What a run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

BATCH_BYTES: Final = 1 << 20
AWAITS: Final = 16

Verify: TypeAlias = Literal["all", "sample", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run is asked to do."""

    key_pattern: str = ""
    """Shell pattern that a key must match; others are not looked at."""
    refresh: bool = False
    """Compute and write live keys too; they keep the life that they have left, see `Warmer.refresh_extends`."""
    deadline_s: float | None = None
    verify: Verify = "all"
    """``sample`` reads some keys of each write back, and all of it when one is wrong; ``none`` proves nothing."""
    threads: int = 1
    """How many values are computed at once, by functions that are not asynchronous."""
    awaits: int = AWAITS
    """How many values are awaited at once, of functions that are."""
    batch_keys: int | None = None
    """How many entries are written, and read back, at once, at most; ``None`` is what the store is best at."""
    batch_bytes: int = BATCH_BYTES
    """The same in bytes."""
    max_memory_bytes: int | None = None
    """Resident memory of the process: batches shrink near it, and the run stops at it."""
    fresh_for_s: float = 0
    """Live keys that end within this time are computed and written anew, where the backend tells the time left."""
    writers: int = 1
    """How many parts of the run fill the stores at the same time: each takes its share of the room that is left."""
    retries: int = 5
    """How often a store that does not answer is tried again, at least, after pauses from half a second to 8 s."""
    cache_wait_s: float = 0
    """And for how long, at least."""
