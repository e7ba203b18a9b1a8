"""One per process: folds what requests noted into a sketch, and saves the sketch now and then, in a thread of its own.

The thread starts with the first noted request, so after a server's fork, and again in a child that is forked later. It
ends with the process: at a graceful stop it is told to save once more. A worker that is killed loses what it noted
since the last save, so at most ``TRAFFIC_FLUSH_S``; so does one of uvicorn's, which ends itself by the signal that it
got and leaves Python's exit functions out.

When the database refuses, the sketch is kept and goes on counting: it is bounded, whatever happens.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from random import uniform
from typing import Final

from django.db import connections

from .counting import FOLD_AT
from .folding import Fold
from .notes import Notes
from .options import TrafficOptions
from .saving import Saver

logger = logging.getLogger(__name__)

MAX_PENDING: Final = 32 * FOLD_AT
"""Notes that may wait while the thread is busy with the database; those that come then are counted as lost."""
EXIT_TIMEOUT_S: Final = 5.0
"""How long the end of a process waits for the last save."""


class Recorder:
    """See the module's description.

    Args:
        now_s: Unix time; tests pass their own.
    """

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self.options = TrafficOptions()
        self.notes = Notes()
        self.failures = 0
        """Saves that failed since the process started."""
        self._start_afresh()
        atexit.register(self.stop)
        os.register_at_fork(after_in_child=self._start_afresh)

    def _start_afresh(self) -> None:
        """Forget everything: in a forked child these are the parent's notes, thread and locks."""
        self.notes.clear()
        self.fold = Fold(self.options)
        self.is_idle = True
        """Whether the next note has to start the thread."""
        self.lost = 0
        """Requests whose notes were thrown away since the last save, because too many were waiting."""
        self._saver = Saver()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._guard = threading.Condition()
        self._saves_asked = 0
        self._saves_done = 0

    def configure(self, options: TrafficOptions) -> None:
        """Take over options, before the first request; counts that were kept under others are given up."""
        if options != self.options:
            self.options = options
            self.fold = Fold(options)

    def attend(self) -> None:
        """Make sure that the thread runs and looks at the notes; throws the newest away when too many wait."""
        if self.is_idle:
            self._start_thread()
        elif not self._wake.is_set():
            self._wake.set()
        if len(self.notes.queue) > MAX_PENDING:
            with self._guard:
                (*_, weight), _ = self.notes.queue.pop()
                self.lost += weight

    def flush(self, timeout_s: float = EXIT_TIMEOUT_S) -> bool:
        """Have the thread save now; whether it was done, well or not, in time.

        For the shutdown hook of a server that ends workers without Python's exit functions. It never saves in the
        caller's own thread, whose connection may stand in the middle of a request's transaction.
        """
        if self.is_idle and not self.notes.queue:
            return True
        with self._guard:
            self._saves_asked = asked = self._saves_done + 1
        self.attend()
        self._wake.set()
        with self._guard:
            return self._guard.wait_for(lambda: self._saves_done >= asked, timeout_s)

    def stop(self) -> None:
        """Save once more and end the thread; the process is about to end."""
        self._is_stopping = True
        if (thread := self._thread) is not None and thread is not threading.current_thread():
            self._wake.set()
            thread.join(EXIT_TIMEOUT_S)

    def _start_thread(self) -> None:
        with self._guard:
            if self.is_idle and not self._is_stopping:
                self._thread = threading.Thread(target=self._run, name="cache-warming-traffic", daemon=True)
                self._thread.start()
                self.is_idle = False

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                self._fold_until_due()
                self._save()
        finally:
            self.notes.known.clear()  # or nobody would ever come by here and start it again
            self.is_idle = True

    def _fold_until_due(self) -> None:
        # Workers that were forked together must not go to the database together for ever.
        due_s = time.monotonic() + self.options.flush_s * uniform(0.75, 1)  # noqa: S311 - no secret
        while (left_s := due_s - time.monotonic()) > 0:
            self._wake.wait(left_s)
            self._wake.clear()
            if self._is_stopping or self._saves_asked > self._saves_done:
                return
            self.fold.take(self.notes, self._now_s())

    def _save(self) -> None:
        try:
            self._save_counts(self._now_s())
        except Exception:  # A router or a backend may raise anything; what is counted here must not end the counting.
            self.failures += 1
            logger.exception("cache_warming.traffic_save_failed failures=%d", self.failures)
        finally:
            # Not kept between saves: with many workers these would be as many idle connections again.
            connections.close_all()
            with self._guard:
                self._saves_done += 1
                self._guard.notify_all()

    def _save_counts(self, now_s: float) -> None:
        self.fold.take(self.notes, now_s)
        self.notes.unlearn()
        if self.lost:
            with self._guard:
                self.fold.excluded[int(now_s // 3600), "lost"] += self.lost
                self.lost = 0
        self._saver.save(self.fold, now_s)


recorder: Final = Recorder()
"""The process's own."""
