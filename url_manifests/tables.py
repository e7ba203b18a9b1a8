"""Tables of URLs that were counted elsewhere (BigQuery, Athena, ClickHouse): CSV, JSON Lines, Parquet, by DuckDB.

The road for those whose logs outgrow one machine: let the warehouse count, and hand over one row a URL. Columns are
found by name: one for the URL, one for the hits; host and mean time (milliseconds) if there are any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import FileFormatError
from .logs.record import UNKNOWN_TIME_US
from .logs.tabular import table_line
from .sources import Source

if TYPE_CHECKING:
    import duckdb

_URL: Final = ("url", "uri", "path", "request_uri", "request_url", "page", "target", "cs_uri_stem", "cs-uri-stem")
_HITS: Final = ("hits", "count", "requests", "request_count", "n", "cnt", "total", "views", "pageviews", "count()",
                "count(*)", "count_star()", "f0_", "_col1")  # fmt: skip
_HOST: Final = ("host", "domain", "hostname", "cs_host", "x_host_header", "http_host")
_TIME_MS: Final = ("cold_ms", "time_ms", "avg_ms", "duration_ms", "response_ms", "avg_time_ms", "p95_ms")
_READERS: Final = {".csv": "read_csv", ".tsv": "read_csv", ".parquet": "read_parquet", ".jsonl": "read_json",
                   ".ndjson": "read_json"}  # fmt: skip
_SUFFIXES: Final = (".gz", ".zst")
_ROWS: Final = 20_000


def is_table(source: Source) -> bool:
    """Whether the file's name and its columns say that it is a table of counted URLs."""
    reader = _reader(source)
    if not reader or not Path(source.path).is_file():
        return False
    import duckdb  # noqa: PLC0415 - see `Tally`

    try:
        with duckdb.connect() as db:
            names = _columns(db, reader, source)
    except duckdb.Error:
        return reader == "read_parquet"
    # JSON Lines and CSV may as well be logs: a table has a column of hits and none of methods or states.
    return reader == "read_parquet" or bool(_pick(names, _URL) and _pick(names, _HITS))


def _reader(source: Source) -> str:
    path = Path(source.path.lower())
    return _READERS.get(Path(path.stem).suffix if path.suffix in _SUFFIXES else path.suffix, "")


def _columns(db: duckdb.DuckDBPyConnection, reader: str, source: Source) -> list[str]:
    rows = db.execute(f"DESCRIBE SELECT * FROM {reader}(?)", [source.path]).fetchall()  # noqa: S608 - from _READERS
    return [str(row[0]) for row in rows]


def _pick(names: Sequence[str], wanted: Sequence[str]) -> str:
    folded = {name.lower(): name for name in names}
    return next((folded[name] for name in wanted if name in folded), "")


def table_blocks(source: Source) -> Iterator[bytes]:
    """The rows as blocks of lines in the format ``table``.

    Raises:
        FileFormatError: no such columns, or DuckDB cannot read the file.
    """
    import duckdb  # noqa: PLC0415 - see `Tally`

    reader = _reader(source)
    try:
        with duckdb.connect() as db:
            db.execute("SET memory_limit = '150MB'")
            names = _columns(db, reader, source)
            url, hits = _pick(names, _URL), _pick(names, _HITS)
            if not url or not hits:
                wanted = f"a URL ({', '.join(_URL[:4])} …) and a count ({', '.join(_HITS[:4])} …)"
                raise FileFormatError(source.name, f"has no columns of {wanted}; it has {', '.join(names)}", line=1)
            chosen = ", ".join(
                f'"{name.replace(chr(34), chr(34) * 2)}"' if name else "NULL"
                for name in (url, hits, _pick(names, _HOST), _pick(names, _TIME_MS))
            )
            rows = db.execute(f"SELECT {chosen} FROM {reader}(?)", [source.path])  # noqa: S608 - quoted names
            while batch := rows.fetchmany(_ROWS):
                yield b"".join(map(_line, batch))
    except duckdb.Error as error:
        raise FileFormatError(source.name, f"cannot be read as a table: {str(error).splitlines()[0]}") from error


def _line(row: tuple[Any, ...]) -> bytes:
    url, hits, host, time_ms = row
    try:
        number = int(hits)
        time_us = UNKNOWN_TIME_US if time_ms is None else int(float(time_ms) * 1000)
    except (TypeError, ValueError, OverflowError):
        number = time_us = -2
    if number < 0 or time_us < UNKNOWN_TIME_US:
        return table_line(_text(url), 0) + b"\t\n"  # a column too many: counted as a broken line
    return table_line(_text(url), number, _text(host), time_us) + b"\n"


def _text(value: Any) -> bytes:
    return b"" if value is None else str(value).encode("utf-8", "replace")
