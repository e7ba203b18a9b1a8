"""How much memory the process holds, and what that means for the size of a batch."""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")
_NEAR: Final = 0.9
_SMALLEST: Final = 1 / 16


def resident_bytes() -> int:
    """Resident memory of this process; where the system does not tell, the most that it ever was."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class MemoryWatch:
    """Shrinks batches near a limit, and stops the run where that does not help."""

    def __init__(self, limit_bytes: int | None, measure: Callable[[], int] = resident_bytes) -> None:
        self._limit_bytes = limit_bytes
        self._measure = measure
        self.scale = 1.0
        """What share of its normal size a batch may have."""
        self.problem = ""
        """Why the run has to stop, if it has to."""

    def look(self) -> None:
        """Measure, and shrink or stop; called between batches."""
        if self._limit_bytes is None or self._measure() < self._limit_bytes * _NEAR:
            return
        gc.collect()
        held_bytes = self._measure()
        if self.scale > _SMALLEST:
            self.scale /= 2
        elif held_bytes >= self._limit_bytes:
            self.problem = f"holds {held_bytes >> 20} MB, may hold {self._limit_bytes >> 20} MB"
