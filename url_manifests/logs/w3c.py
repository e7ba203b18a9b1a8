"""W3C extended logs: IIS, CloudFront and others whose ``#Fields`` line names the columns, and may change mid-file."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from .clock import Clock
from .record import (
    COLUMNS,
    DIRECTIVE,
    MISSING_FIELD,
    NEGATIVE_TIME,
    NO_FIELDS_LINE,
    UNKNOWN_TIME_US,
    UNRECOGNISED,
    LogRecord,
    Parsed,
)

_FIELDS_LINE: Final = re.compile(rb"#\s*Fields:\s*(.*)", re.IGNORECASE)
_COLUMNS: Final = {
    b"cs-method": "method", b"cs-uri-stem": "stem", b"cs-uri": "target", b"cs-uri-query": "query",
    b"sc-status": "status", b"date": "date", b"time": "time", b"timestamp": "stamp", b"cs(user-agent)": "agent",
    b"x-host-header": "viewer-host", b"cs-host": "host", b"cs(host)": "host", b"c-ip": "client",
    b"cs-username": "user", b"time-taken": "taken", b"cs(accept-encoding)": "accept_encoding",
    b"cs(accept-language)": "accept_language", b"cs(cookie)": "cookie",
}  # fmt: skip
_SESSION_COOKIE: Final = re.compile(rb"(?:^|[;+\s]|%20)sessionid=")

# Values may stand in quotes and hold spaces there, and several spaces may stand between them.
_VALUE: Final = re.compile(rb'(?:"([^"]*(?:""[^"]*)*)"|(\S+))(?=\s|$)')


class W3cFormat:
    """Data lines under the latest ``#Fields`` line; the one format whose lines depend on earlier ones."""

    name = "w3c"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._names: list[str] = []
        self._separator: bytes | None = None
        self._cloudfront = False

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        if line.startswith((b"#", b"\xef\xbb\xbf#")):
            return self._directive(line)
        if not self._names:
            return NO_FIELDS_LINE if _looks_like_data(line) else UNRECOGNISED
        values = line.split(self._separator)
        if len(values) != len(self._names):
            values = [quoted or bare for quoted, bare in _VALUE.findall(line)]
        if len(values) != len(self._names):
            return COLUMNS
        return self._record(dict(zip(self._names, values, strict=True)), is_cloudfront=self._cloudfront)

    def record_of(self, row: dict[str, bytes]) -> Parsed:
        """Read what was written as JSON, with the names of the ``#Fields`` line."""
        named = {_COLUMNS.get(name.lower().encode(), name): value for name, value in row.items()}
        return self._record(named, is_cloudfront="x-edge-location" in row)

    def _directive(self, line: bytes) -> Parsed:
        if match := _FIELDS_LINE.search(line):
            columns = match[1].lower().split()
            self._names = [_COLUMNS.get(column, column.decode("latin-1")) for column in columns]
            self._cloudfront = b"x-edge-location" in columns
            self._separator = b"\t" if self._cloudfront else b" "
        return DIRECTIVE

    def _record(self, row: dict[str, bytes], *, is_cloudfront: bool) -> Parsed:
        def get(name: str) -> bytes:
            value = row.get(name, b"")
            return b"" if value == b"-" else value

        method, status, target = get("method"), get("status"), get("stem") or get("target")
        if not method or not target or not status:
            return MISSING_FIELD
        if query := get("query"):
            target += b"?" + query
        if is_cloudfront:
            target = target.replace(b"%25", b"%")  # CloudFront encodes what the visitor had already encoded
        hour = self._clock.hour(get("date") + b" " + get("time") if get("date") else get("stamp"))
        if not isinstance(hour, int):
            return hour
        time_us = _time_us(get("taken"), 1e6 if is_cloudfront else 1e3)
        if time_us is None:
            return NEGATIVE_TIME
        text = _cloudfront_text if is_cloudfront else _iis_text
        cookie = b"1" if _SESSION_COOKIE.search(get("cookie")) else b""
        return LogRecord(
            method, target, status, hour, text(get("agent")), get("viewer-host") or get("host"), get("client"),
            get("user"), time_us, text(get("accept_encoding")), text(get("accept_language")), cookie,
        )  # fmt: skip


def _time_us(raw: bytes, unit_us: float) -> int | None:
    """CloudFront counts seconds, IIS milliseconds."""
    if not raw:
        return UNKNOWN_TIME_US
    try:
        time_us = float(raw) * unit_us
    except ValueError:
        return None
    return int(time_us) if 0 <= time_us < 1e12 else None


def _iis_text(raw: bytes) -> bytes:
    """A header's value: IIS writes a plus for a space."""
    return raw.replace(b"+", b" ")


def _cloudfront_text(raw: bytes) -> bytes:
    """A header's value: CloudFront writes ``%20`` for a space, and did for some years ``%2520``."""
    return unquote_to_bytes(unquote_to_bytes(raw))


def _looks_like_data(line: bytes) -> bool:
    return re.match(rb"\d{4}-\d\d-\d\d[ \t]\d\d:\d\d:\d\d[ \t]", line) is not None
