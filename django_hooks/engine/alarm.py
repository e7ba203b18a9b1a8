"""Ends a computation that goes on beyond the run's deadline: a service that a value is made from may never answer.

By a signal, which only the main thread of a process gets: what is computed in further threads (``concurrency``) cannot
be interrupted by anybody, and needs time limits of its own.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from url_manifests.errors import CacheWarmingError

GRACE_S: Final = 1.0
"""What is nearly done may end."""


class OverdueError(CacheWarmingError):
    """A value was not there at the deadline."""

    def __init__(self) -> None:
        super().__init__("interrupted at the deadline")


class Alarm:
    """Rings once, after the deadline, and only inside of `watching`.

    Args:
        left_s: seconds until the deadline, or ``None``.
    """

    def __init__(self, left_s: Callable[[], float | None]) -> None:
        self._left_s = left_s
        self._is_watching = False

    def grace_s(self) -> float | None:
        """Seconds until it is to ring; ``None`` for never."""
        left_s = self._left_s()
        return None if left_s is None else max(left_s, 0) + GRACE_S

    @contextmanager
    def set(self) -> Iterator[None]:
        """Be ready to ring while the block runs."""
        after_s = self.grace_s()
        is_ours = threading.current_thread() is threading.main_thread()
        # A project that uses this signal itself keeps it.
        if after_s is None or not is_ours or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
            yield
            return
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, after_s)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _ring(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of handlers
        if self._is_watching:
            raise OverdueError

    @contextmanager
    def watching(self) -> Iterator[None]:
        """What happens in here may be interrupted.

        Raises:
            OverdueError: it was.
        """
        self._is_watching = True
        try:
            yield
        finally:
            self._is_watching = False
