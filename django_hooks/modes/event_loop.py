"""Mode ``async``: the whole run in one event loop, so that what is awaited can share connections and clients.

Asynchronous generators and functions of warmers run in that loop, as many at a time as the strategy says. Reading and
writing the caches is done by the same bulk calls as in the other modes: no cache backend of Django, nor django-redis,
has an asynchronous path of its own; their ``a…`` methods are threads, and slower than a pipeline.

Ctrl-C, SIGTERM and SIGHUP let the batch in hand be finished, since tasks of a loop cannot be interrupted anywhere; a
second one does not wait for it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async

from django_hooks.ending import asking_to_end
from django_hooks.engine import BatchResult, Engine
from django_hooks.engine.awaiting import one_loop
from django_hooks.narrowing import as_whole, through
from django_hooks.warmers.key_batches import KeyBatch

from .run import Run
from .steps import Planner, Step, run_options
from .sync import batches


class Stop:
    """Lets entries pass until somebody asks to stop."""

    def __init__(self) -> None:
        self.is_closed = False

    def admit(self, entry: Any) -> Any:
        return None if self.is_closed else entry

    def narrow(self, batch: KeyBatch) -> KeyBatch:
        return as_whole(batch, self)


def warm(run: Run) -> None:
    """Warm everything."""
    stop = Stop()
    with _stopped_by_signals(stop), one_loop():
        async_to_sync(_warm)(run, stop)
    if stop.is_closed:
        raise KeyboardInterrupt


async def _warm(run: Run, stop: Stop) -> None:
    engine = Engine(run_options(run.strategy, run.strategy.deadline))
    planner = Planner(strategy=run.strategy)
    for warmer in run.warmers:
        step = planner.step(warmer)
        step.warmer = through(step.warmer, stop)
        await _warm_step(run, engine, step)
        if stop.is_closed:
            return
        run.finish_warmer(warmer)


async def _warm_step(run: Run, engine: Engine, step: Step) -> None:
    ahead = batches(engine, step)
    # Back in the thread that called: a loop must not be blocked, and that thread has the database connections.
    advance = sync_to_async(_take_next, thread_sensitive=True)
    while await advance(run, step, ahead):
        pass
    if (cut := step.cut_short()) is not None:
        run.take(cut)


def _take_next(run: Run, step: Step, ahead: Iterator[BatchResult]) -> bool:
    with run.sums_of(step.warmer.name).counting_queries():  # Here, for it is of this thread's connections.
        batch = next(ahead, None)
    if batch is not None:
        run.take_batch(batch)
    return batch is not None


@contextmanager
def _stopped_by_signals(stop: Stop) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, *asking_to_end())
    before = {number: signal.getsignal(number) for number in numbers}

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        stop.is_closed = True
        signal.signal(number, before[signal.Signals(number)])  # The next one is not asked to wait.

    for number in numbers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])
