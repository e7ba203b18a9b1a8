"""One input at a time, with an eye on the clock."""

from __future__ import annotations

import faulthandler
import time
from typing import Any

from .targets import Fed

LONGEST_S = 2.0
"""Of processor time, for inputs of at most some ten kilobytes."""
HANGS_AFTER_S = 60.0


def fed(target: Fed, value: Any) -> None:
    """Feed it; an input that takes long fails, and one that never ends ends the process with a traceback."""
    faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
    started_s = time.process_time()
    try:
        target.feed(value)
    finally:
        faulthandler.cancel_dump_traceback_later()
    taken_s = time.process_time() - started_s
    assert taken_s < LONGEST_S, f"took {taken_s:.1f} s"
