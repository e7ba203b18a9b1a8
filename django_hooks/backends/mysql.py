"""The database cache on MySQL and MariaDB: what is sent at once has to fit into a packet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from .database import DatabaseStore

_OVERHEAD_BYTES: Final = 4096
"""Of a statement, around its rows."""
_ROW_BYTES: Final = 4 * 255 + 64
"""Of a row beside its value: the longest key in UTF-8, a date and time, and punctuation."""


class MySQLStore(DatabaseStore):
    """What is larger than a packet makes the server close the connection, which looks as if it were down."""

    @cached_property
    def _packet_bytes(self) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT @@max_allowed_packet")
            return int(cursor.fetchone()[0]) - _OVERHEAD_BYTES

    @cached_property
    def max_value_bytes(self) -> int | None:  # type: ignore[override] # asked of the server, once
        """What fits into a packet of its own."""
        return self._packet_bytes - _ROW_BYTES

    def _at_once(self, rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """As many rows, or keys alone, as fit into a packet."""
        part: list[Any] = []
        size_bytes = 0
        for row in rows:
            row_bytes = _ROW_BYTES + (0 if isinstance(row, str) else len(row[1]))
            if part and size_bytes + row_bytes > self._packet_bytes:
                yield part
                part, size_bytes = [], 0
            part.append(row)
            size_bytes += row_bytes
        if part:
            yield part
