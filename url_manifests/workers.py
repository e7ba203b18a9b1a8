"""Log lines to worker processes, and their counts back. One process hands out, two or more count.

Whichever worker asks gets the next part of a plain file, which it reads itself, or a block that was decompressed here;
a file whose lines depend on earlier lines (W3C) stays with one worker. Lines carry their place in the input, and
everything that comes back is a sum or a minimum, so the result does not depend on who counted what.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from .counting import CountingOptions, LineCounter
from .errors import CacheWarmingError, FileFormatError
from .logs.detect import ReaderSpec
from .spans import Span, span_blocks
from .totals import Totals

MAX_WORKERS: Final = 4
"""More would only wait for the one process that decompresses, and each needs 60 MB."""
_ENDED: Final = "a counting process ended unexpectedly; is there enough memory?"


class Counted(NamedTuple):
    """What a worker found out, beside the files that it wrote."""

    worker: int
    totals: Totals
    variants: list[str]
    """Name of the variant behind each number in this worker's files."""


class _Unreadable(NamedTuple):
    """A worker's last word, when a file cannot be read."""

    name: str
    problem: str


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

    def count_span(self, handle: int, span: Span) -> None:
        """Count one part of a plain file."""
        _count_span(self._counter, handle, span)

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
        self._processes: list[SpawnProcess] = []
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
        number = self._pinned.setdefault(source, source % len(self._processes)) if spec.is_stateful else None
        with self._worker(number) as (connection, _):
            connection.send((source, spec, position))
            connection.send_bytes(block)

    def count_span(self, handle: int, span: Span) -> None:
        """Have a worker read and count one part of a plain file, waiting for one if need be."""
        with self._worker() as (connection, process_id):
            connection.send(span)
            send_handle(connection, handle, process_id)

    def finish(self) -> list[Counted]:
        """Tell all workers that there is no more, and collect what they counted."""
        for number in range(len(self._processes)):
            with self._worker(number) as (connection, _):
                connection.send(None)
        return [self._answer(connection) for connection in self._connections]

    @contextmanager
    def _worker(self, number: int | None = None) -> Iterator[tuple[Connection, int]]:
        """The connection to a worker that is free, this one or any, and its process."""
        if number is None:
            ready = wait(self._connections)
            number = next(number for number, connection in enumerate(self._connections) if connection in ready)
        self._answer(self._connections[number])
        try:
            yield self._connections[number], self._processes[number].pid or 0
        except OSError as error:
            raise CacheWarmingError(_ENDED) from error

    def _answer(self, connection: Connection) -> Any:
        """What a worker says; its error is raised here."""
        try:
            answer = connection.recv()
        except (EOFError, OSError) as error:
            raise CacheWarmingError(_ENDED) from error
        if isinstance(answer, _Unreadable):
            raise FileFormatError(*answer)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for process in self._processes:
                process.terminate()
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.join()


def _work(connection: Connection, options: CountingOptions, folder: Path, number: int, now_s: float) -> None:
    """The worker's loop: ask for something to count, count it, until there is nothing."""
    gc.disable()  # counting makes no cycles, and looking for them in millions of tuples takes a tenth of the time
    counter = LineCounter(options, folder, number, now_s)
    try:
        connection.send(None)
        while (message := connection.recv()) is not None:
            if isinstance(message, Span):
                # The handle follows the message on the same socket.
                with open(recv_handle(connection), "rb", buffering=0) as stream:
                    _count_span(counter, stream.fileno(), message)
            else:
                source, spec, position = message
                counter.count(source, spec, position, connection.recv_bytes())
            connection.send(None)
        counter.flush()
        connection.send(Counted(number, counter.totals, counter.variants))
    except FileFormatError as error:
        connection.send(_Unreadable(error.path, error.problem))
    except (EOFError, ConnectionError, KeyboardInterrupt):
        return  # the reader is gone, or the user pressed Ctrl-C: it reports, this end just leaves


def _count_span(counter: LineCounter, handle: int, span: Span) -> None:
    for position, block in span_blocks(handle, span):
        counter.count(span.source, span.spec, position, block)


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
