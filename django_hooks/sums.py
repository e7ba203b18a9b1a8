"""What each warmer took in a run: it goes into the report, and lets a later ``--dry-run`` estimate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from django.db import connections

from .engine import BatchResult

MAX_WARMERS: Final = 200
"""Warmers that a report tells apart."""


@dataclass(slots=True, kw_only=True)
class Sums:
    """Of one warmer."""

    entries: int = 0
    written: int = 0
    bytes: int = 0
    """Of what was written, as it takes room in the store; estimated from above."""
    queries: int = 0
    """Of the connections of the thread that ran it; those of further computing threads are not seen."""

    def add(self, batch: BatchResult) -> None:
        """Count a batch."""
        self.entries += batch.count
        written, size_bytes = batch.written()
        self.written += written
        self.bytes += size_bytes

    def merge(self, other: Sums) -> None:
        """Add what another part of the warmer took."""
        self.entries += other.entries
        self.written += other.written
        self.bytes += other.bytes
        self.queries += other.queries

    def document(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Sums as a report or a job's result holds them."""
        return cls(**{name: int(document.get(name, 0)) for name in ("entries", "written", "bytes", "queries")})

    @contextmanager
    def counting_queries(self) -> Iterator[None]:
        """Count the queries of this thread while the block runs."""

        def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
            self.queries += 1
            return execute(sql, params, many, context)

        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(count))
            yield
