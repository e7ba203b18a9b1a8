"""What a line of an access log becomes."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

MAX_LINE_BYTES: Final = 1 << 16
"""Servers cut a request line at 8 to 16 KiB; what is longer than this is damage, and slow to search."""

UNKNOWN_HOUR: Final = -1
UNKNOWN_TIME_US: Final = -1


class LogRecord(NamedTuple):
    """One request, its text still as the log spells it (after the log's own escapes were undone).

    A tuple, because one is made for every line of the log: creating it must cost well under a microsecond.
    """

    method: bytes
    target: bytes
    """The request target: a path with its query, or an absolute URI."""
    status: bytes
    hour: int
    """Hours since 1970 in UTC, or `UNKNOWN_HOUR` where the log has no times."""
    agent: bytes = b""
    host: bytes = b""
    client: bytes = b""
    user: bytes = b""
    """Name of the signed-in user; only whether there is one is ever used."""
    time_us: int = UNKNOWN_TIME_US
    """How long the server took, in microseconds."""
    accept_encoding: bytes = b""
    accept_language: bytes = b""
    cookie: bytes = b""
    """Session cookie or a flag that there is one; only whether there is one is ever used."""
    hits: int = 1
    """How many requests the line stands for; more than one in a table that was counted elsewhere."""


class Rejection(NamedTuple):
    """A line that should have been a request and could not be read as one."""

    reason: str


class Aside(NamedTuple):
    """A sound line that is no HTTP request: a directive, a start-up message, a traceback, TLS bytes on a plain port."""

    rule: str


Parsed = LogRecord | Rejection | Aside

UNRECOGNISED: Final = Rejection("unrecognised")
BINARY: Final = Rejection("binary")
CUT: Final = Rejection("cut")
TOO_LONG: Final = Rejection("too-long")
BAD_TIME: Final = Rejection("bad-time")
FUTURE_TIME: Final = Rejection("future-time")
NEGATIVE_TIME: Final = Rejection("negative-time")
BAD_STATUS: Final = Rejection("bad-status")
BAD_TARGET: Final = Rejection("bad-target")
BAD_JSON: Final = Rejection("bad-json")
COLUMNS: Final = Rejection("columns")
MISSING_FIELD: Final = Rejection("missing-field")
NO_FIELDS_LINE: Final = Rejection("no-fields-line")

NOT_HTTP: Final = Aside("not-http")
OTHER_MESSAGE: Final = Aside("other-message")
DIRECTIVE: Final = Aside("directive")
EMPTY_LINE: Final = Aside("empty-line")

REJECTION_REASONS: Final[dict[str, str]] = {
    "unrecognised": "The line fits no known format.",
    "binary": "The line holds NUL or other control bytes.",
    "cut": "Only a part of the line is there.",
    "too-long": f"The line is longer than {MAX_LINE_BYTES} bytes.",
    "bad-time": "The time cannot be read.",
    "future-time": "The time lies more than a day ahead.",
    "negative-time": "The duration is negative or no number.",
    "bad-status": "The status is no three-digit number.",
    "bad-target": "The request target is no path or absolute URI.",
    "bad-json": "The line is no JSON object.",
    "columns": "The number of columns differs from the heading.",
    "missing-field": "A field that is needed (method, target, status) is missing.",
    "no-fields-line": "Data comes before the #Fields line that would name its columns.",
}


class LineFormat(Protocol):
    """One layout of a line."""

    @property
    def name(self) -> str:
        """As ``--format`` spells it."""
        ...

    def parse(self, line: bytes) -> Parsed:
        """Read one line without its end; never raises."""
        ...
