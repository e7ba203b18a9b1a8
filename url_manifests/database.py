"""DuckDB with a limit to its memory: what is larger goes to disk, and what does not fit all the same gets more.

Millions of distinct URLs can take more than the limit, and need not the next time: it depends on what DuckDB's threads
hold at one moment. A build should not fail for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import CacheWarmingError

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT_MB: Final = 120
"""To begin with. DuckDB's process needs as much again for itself; together with two workers that stays under 400 MB."""
MOST_MEMORY_MB: Final = 4000
_MORE: Final = 1.5
_THREADS: Final = 2
_BATCH: Final = 2048


class Database:
    """One database file, for one thread.

    Args:
        spill: folder for what does not fit into memory.
    """

    def __init__(self, path: Path, *, spill: Path) -> None:
        import duckdb  # noqa: PLC0415 - takes a tenth of a second: not in the processes that count

        self._out_of_memory = duckdb.OutOfMemoryException
        self._connection: duckdb.DuckDBPyConnection = duckdb.connect(str(path))
        self._limit_memory(MEMORY_LIMIT_MB)
        self.run("SET temp_directory = ?", [str(spill)])
        self._set_threads(_THREADS)
        self.run("SET preserve_insertion_order = false")
        self.run("SET enable_progress_bar = false")  # it shows one of its own where Python is interactive

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def run(self, query: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Run a query, with more memory when it does not fit.

        Raises:
            CacheWarmingError: it takes more than `MOST_MEMORY_MB`.
        """
        while True:
            try:
                return self._connection.execute(query, list(parameters))
            except self._out_of_memory:
                self._take_more_memory()

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query that says their order: when memory ends between two, those behind them come next.

        Raises:
            CacheWarmingError: as `run`.
        """
        batches_seen = 0
        while True:
            rows = self.run(query, parameters)
            try:
                for _ in range(batches_seen):
                    rows.fetchmany(_BATCH)
                while batch := rows.fetchmany(_BATCH):
                    batches_seen += 1
                    yield from batch
            except self._out_of_memory:
                self._take_more_memory()
            else:
                return

    def one(self, query: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of an aggregate without groups."""
        row = self.run(query, parameters).fetchone()
        assert row is not None
        return row

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Work with one thread, for a query whose threads hold much each."""
        self._set_threads(1)
        try:
            yield
        finally:
            self._set_threads(_THREADS)

    def _set_threads(self, number: int) -> None:
        self._connection.execute(f"SET threads = {number}")

    def _limit_memory(self, megabytes: float) -> None:
        self._memory_mb = megabytes
        self._connection.execute(f"SET memory_limit = '{megabytes:.0f}MB'")

    def _take_more_memory(self) -> None:
        if self._memory_mb >= MOST_MEMORY_MB:
            raise CacheWarmingError(f"adding up the counts takes more than {MOST_MEMORY_MB} MB of memory")
        self._limit_memory(self._memory_mb * _MORE)
