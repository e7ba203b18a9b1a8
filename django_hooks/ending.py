"""Which signals ask a run to end."""

from __future__ import annotations

import signal


def asking_to_end() -> list[signal.Signals]:
    """SIGTERM, and SIGHUP, which comes when a terminal is closed; but not what ``nohup`` has had ignored."""
    hangs_up = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGHUP] if hangs_up else [signal.SIGTERM]
