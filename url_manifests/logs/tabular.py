"""Pages that were counted elsewhere, as `url_manifests.tables` and `url_manifests.sitemap` hand them on.

One line a page: URL, hits, host, typical time in microseconds (or nothing), separated by tabs.
"""

from __future__ import annotations

from typing import Final

from .record import COLUMNS, NEGATIVE_TIME, UNKNOWN_HOUR, UNKNOWN_TIME_US, LogRecord, Parsed

MAX_HITS: Final = 1 << 40


def table_line(url: bytes, hits: int, host: bytes = b"", time_us: int = UNKNOWN_TIME_US) -> bytes:
    """The line for one page; what would break the line is encoded."""
    fields = (url, str(hits).encode(), host, b"" if time_us == UNKNOWN_TIME_US else str(time_us).encode())
    return b"\t".join(field.replace(b"\t", b"%09").replace(b"\n", b"%0A").replace(b"\r", b"%0D") for field in fields)


class TableFormat:
    """The lines that `table_line` writes; each counts as an answered GET."""

    name = "table"

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        fields = line.split(b"\t")
        if len(fields) != 4 or not fields[1].isdigit() or len(fields[1]) > 12:
            return COLUMNS
        url, hits, host, time_us = fields
        if time_us and not time_us.isdigit():
            return NEGATIVE_TIME
        duration_us = int(time_us) if time_us else UNKNOWN_TIME_US
        return LogRecord(
            b"GET", url, b"200", UNKNOWN_HOUR, host=host, time_us=duration_us, hits=min(int(hits), MAX_HITS)
        )
