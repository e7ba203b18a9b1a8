"""Blocks of log lines to worker processes, and their counts back. One process reads, two or more count.

The reader decompresses and hands a block to whichever worker asks for one; a file whose lines depend on earlier lines
(W3C) stays with one worker. Blocks carry their place in the input, and everything that comes back is a sum or a
minimum, so the result does not depend on who counted what.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from .counting import CountingOptions, LineCounter
from .errors import CacheWarmingError
from .logs.detect import ReaderSpec
from .totals import Totals

MAX_WORKERS: Final = 4
"""More would only wait for the one process that reads, and each needs 60 MB."""


class Counted(NamedTuple):
    """What a worker found out, beside the files that it wrote."""

    worker: int
    totals: Totals
    variants: list[str]
    """Name of the variant behind each number in this worker's files."""


def default_workers() -> int:
    """One for each processor that this process may use, at most `MAX_WORKERS`."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MAX_WORKERS)


class InProcess:
    """Counts at once, in this process: for little input, where starting processes would take longer than counting."""

    def __init__(self, options: CountingOptions, folder: Path, now_s: float) -> None:
        self._counter = LineCounter(options, folder, 0, now_s)

    def count(self, source: int, spec: ReaderSpec, position: int, block: bytes) -> None:
        """Count one block."""
        self._counter.count(source, spec, position, block)

    def finish(self) -> list[Counted]:
        """All that was counted."""
        self._counter.flush()
        return [Counted(0, self._counter.totals, self._counter.variants)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Pool:
    """Counts in worker processes; a context manager that leaves none behind."""

    def __init__(self, options: CountingOptions, folder: Path, now_s: float, workers: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks, of DuckDB or a progress bar
        self._connections: list[Connection] = []
        self._processes = []
        self._pinned: dict[int, int] = {}
        for number in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, options, folder, number, now_s), daemon=True)
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._processes.append(process)

    def count(self, source: int, spec: ReaderSpec, position: int, block: bytes) -> None:
        """Give one block to a worker that is free, waiting for one if need be."""
        if spec.is_stateful:
            number = self._pinned.setdefault(source, source % len(self._connections))
            connection = self._connections[number]
        else:
            ready = wait(self._connections)
            connection = next(item for item in self._connections if item in ready)
        try:
            connection.recv_bytes()
            connection.send((source, spec, position))
            connection.send_bytes(block)
        except (EOFError, OSError) as error:
            raise CacheWarmingError("a counting process ended unexpectedly; is there enough memory?") from error

    def finish(self) -> list[Counted]:
        """Tell all workers that there is no more, and collect what they counted."""
        results = []
        try:
            for connection in self._connections:
                connection.recv_bytes()
                connection.send(None)
            results = [connection.recv() for connection in self._connections]
        except (EOFError, OSError) as error:
            raise CacheWarmingError("a counting process ended unexpectedly; is there enough memory?") from error
        return results

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            if kind is not None:
                process.terminate()
            process.join()


def _work(connection: Connection, options: CountingOptions, folder: Path, number: int, now_s: float) -> None:
    """The worker's loop: ask for a block, count it, until there is none."""
    gc.disable()  # counting makes no cycles, and looking for them in millions of tuples takes a tenth of the time
    counter = LineCounter(options, folder, number, now_s)
    try:
        while True:
            connection.send_bytes(b"ready")
            message: tuple[int, ReaderSpec, int] | None = connection.recv()
            if message is None:
                break
            counter.count(*message, connection.recv_bytes())
        counter.flush()
        connection.send(Counted(number, counter.totals, counter.variants))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return  # the reader is gone, or the user pressed Ctrl-C: it reports, this end just leaves


Engine = InProcess | Pool


def make_engine(options: CountingOptions, folder: Path, now_s: float, workers: int, input_bytes: int | None) -> Engine:
    """Processes where the input is worth starting them.

    Args:
        workers: how many; 0 for as many as there are processors.
        input_bytes: size of the input, ``None`` when it cannot be told.
    """
    workers = workers or default_workers()
    if workers == 1 or (input_bytes is not None and input_bytes < _WORTH_STARTING_BYTES):
        return InProcess(options, folder, now_s)
    return Pool(options, folder, now_s, workers)


_WORTH_STARTING_BYTES: Final = 8 << 20


def total_bytes(paths: Sequence[str]) -> int | None:
    """Size of the files, or ``None`` when one of them is a stream."""
    if not all(Path(path).is_file() for path in paths):
        return None
    return sum(Path(path).stat().st_size for path in paths)
