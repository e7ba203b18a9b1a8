"""Which format a file has, told by its first lines; and the reader that applies it to all of them.

Every format is tried on a sample, on the bare lines and on what is behind their prefixes; the one that reads most lines
wins, the more particular one when they are equal. Later lines that do not fit are tried with all other formats before
they are rejected, so a file whose format changes is read to its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from url_manifests.errors import UnknownLogFormatError, UnknownNameError
from url_manifests.masking import masked

from .any_request import AnyRequestFormat
from .builtin import LAYOUTS, NOT_HTTP_LINE, builtin_formats
from .clock import Clock
from .csv_lines import CsvFormat
from .dialects import JSON_NAMES
from .json_lines import JsonFormat
from .labelled import LabelledFormat
from .logfmt import LogfmtFormat
from .prefixes import layers, time_in
from .record import (
    BINARY,
    CUT,
    DIRECTIVE,
    EMPTY_LINE,
    MAX_LINE_BYTES,
    NOT_HTTP,
    OTHER_MESSAGE,
    TOO_LONG,
    UNKNOWN_HOUR,
    UNRECOGNISED,
    Aside,
    LineFormat,
    LogRecord,
    Parsed,
)
from .tabular import TableFormat
from .variables import compile_layout
from .w3c import W3cFormat

FORMAT_NAMES: Final = (*(name for name, _, _ in LAYOUTS), "json", "ltsv", "logfmt", "csv", "w3c", "request")
"""What ``--format`` takes."""

_SAMPLE_LINES: Final = 400
_LONG_SAMPLE_LINES: Final = 20_000
"""Application servers may write thousands of lines of start-up text before their first request."""
_SHOWN_LINES: Final = 3

_NOT_HTTP: Final = re.compile(f"(?s:{NOT_HTTP_LINE})".encode())
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1f]")
# Messages of servers and frameworks that share a stream with the access log.
_MESSAGE: Final = re.compile(
    rb"\[\d{4}-\d\d-\d\d [^\]]+\] \[\d+\] \[[A-Z]+\]"  # gunicorn's error log
    rb"|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\]"  # nginx's error log
    rb"|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b"
    rb"|Traceback \(most recent call last\)|\s{2,}\S|\w+(?:\.\w+)*(?:Error|Exception|Warning)\b"
)
# Formats of programs that write their own messages to the same place, without any mark.
_TALKATIVE: Final = frozenset(
    {"uwsgi", "uwsgi-micros", "uvicorn", "haproxy", "json", "runserver", "daphne", "channels", "granian", "logfmt"}
    | {"request"}
)
_STATEFUL: Final = frozenset({"w3c", "csv"})
"""Their lines depend on earlier lines, so that one reader must see the whole file."""
_LOOSE: Final = frozenset({"combined-loose", "request"})
"""They read lines that are of another format as well, and less of them: only for what no other format reads."""
_BOM: Final = b"\xef\xbb\xbf"


class ReaderSpec(NamedTuple):
    """What a worker process needs to build the same reader again."""

    format_name: str
    prefixed: bool = False
    layout: str = ""
    """The user's own layout string, for the format ``custom``."""

    @property
    def label(self) -> str:
        """As the build's table and the manifest name it."""
        return f"{self.format_name}, prefixed" if self.prefixed else self.format_name

    @property
    def is_stateful(self) -> bool:
        """Whether lines depend on earlier lines, so that one reader must see the whole file."""
        return self.format_name in _STATEFUL


class LineReader:
    """Reads the lines of one file in the format that `spec` names; `parse` never raises."""

    def __init__(self, spec: ReaderSpec, clock: Clock) -> None:
        self.spec = spec
        self._clock = clock
        self._formats = _all_formats(clock)
        if spec.format_name == TableFormat.name:
            self._formats = {TableFormat.name: TableFormat()}
        if spec.layout:
            self._formats["custom"] = compile_layout(spec.layout, clock)
        self._first = self._formats[spec.format_name]
        # In another format's file those that depend on earlier lines would tell which process read which line.
        self._others = [
            other
            for name, other in self._formats.items()
            if name not in _STATEFUL or spec.is_stateful
            if name != "request"
        ]

    @property
    def fast_parse(self) -> Callable[[bytes], Parsed] | None:
        """The format's own method, for lines without prefix; what it calls `UNRECOGNISED` is for `parse`."""
        return None if self.spec.prefixed else self._first.parse

    def parse(self, line: bytes) -> Parsed:
        """One line, without its end."""
        if len(line) > MAX_LINE_BYTES:
            return TOO_LONG
        candidates = layers(line) if self.spec.prefixed else (line,)
        parsed: Parsed = UNRECOGNISED
        for candidate in candidates:
            parsed = self._first.parse(candidate)
            if parsed is not UNRECOGNISED:
                break
        return self._other(line) if parsed is UNRECOGNISED else self._timed(parsed, line)

    def _timed(self, parsed: Parsed, line: bytes) -> Parsed:
        """A record that has no time of its own with that of its prefix."""
        if self.spec.prefixed and isinstance(parsed, LogRecord) and parsed.hour == UNKNOWN_HOUR:
            hour = self._clock.hour(time_in(line))
            return parsed._replace(hour=hour) if isinstance(hour, int) else hour
        return parsed

    def _other(self, line: bytes) -> Parsed:
        """A line that does not fit the file's format: another format, another prefix, or a reason why not."""
        line = line.removeprefix(_BOM)
        candidates = (line, *layers(line))
        for candidate in candidates:
            for other in self._others:
                if isinstance(parsed := other.parse(candidate), LogRecord) or parsed is OTHER_MESSAGE:
                    return parsed
        reasons = [self._unreadable(candidate) for candidate in candidates]
        return next((reason for reason in reasons if isinstance(reason, Aside)), reasons[-1])

    def _unreadable(self, line: bytes) -> Parsed:
        if not line.strip():
            return EMPTY_LINE
        if _CONTROL.search(line):
            return BINARY
        if _NOT_HTTP.fullmatch(line):
            return NOT_HTTP
        if _MESSAGE.match(line) or (self.spec.format_name in _TALKATIVE and b"HTTP/" not in line):
            return OTHER_MESSAGE
        return CUT if b'"' in line or b"[" in line else UNRECOGNISED


def _all_formats(clock: Clock) -> dict[str, LineFormat]:
    formats: list[LineFormat] = [
        *builtin_formats(clock), JsonFormat(clock), LabelledFormat(clock), LogfmtFormat(clock), W3cFormat(clock),
        CsvFormat(clock), AnyRequestFormat(clock),
    ]  # fmt: skip
    return {line_format.name: line_format for line_format in formats}


def forced_spec(format_name: str, layout: str) -> ReaderSpec | None:
    """The spec that ``--format`` or ``--log-format`` asks for, or ``None`` for detection.

    Raises:
        UnknownNameError: no such format.
        ConfigurationError: the layout cannot be compiled.
    """
    if layout:
        compile_layout(layout, Clock())
        return ReaderSpec("custom", layout=layout)
    if format_name in ("", "auto"):
        return None
    name = "json" if format_name in JSON_NAMES else format_name
    if name not in FORMAT_NAMES:
        raise UnknownNameError("--format", format_name, FORMAT_NAMES)
    return ReaderSpec(name)


def detect(name: str, lines: Iterable[bytes], clock: Clock) -> ReaderSpec:
    """The format of a file.

    Args:
        name: of the file, for the error.
        lines: its first lines, without their ends.

    Raises:
        UnknownLogFormatError: no format reads a single line.
    """
    sample = [line for line in lines if line.strip() and len(line) <= MAX_LINE_BYTES]
    for number in (_SAMPLE_LINES, _LONG_SAMPLE_LINES):
        if spec := _best(sample[:number], clock):
            return spec
    if not sample or any(_NOT_HTTP.fullmatch(line) for line in sample):
        return ReaderSpec("combined")  # empty, or nothing but TLS bytes and other protocols on the web server's port
    raise UnknownLogFormatError(name, _explain(sample))


def _best(sample: Sequence[bytes], clock: Clock) -> ReaderSpec | None:
    """The spec that reads most of the sample, and most of each line."""
    whole = [(line,) for line in sample]
    bare = [tuple(layers(line)) for line in sample]
    scores: dict[ReaderSpec, tuple[int, int]] = {}
    for prefixed, lines in ((False, whole), (True, bare)):
        for name, line_format in _all_formats(clock).items():
            scores[ReaderSpec(name, prefixed)] = _score(line_format, lines)
    if in_order := next((spec for spec in scores if spec.is_stateful and scores[spec][0] > 0), None):
        return in_order  # it can read other formats' lines, but they not its
    exact = _most_particular({spec: score for spec, score in scores.items() if spec.format_name not in _LOOSE})
    loose = _most_particular({spec: score for spec, score in scores.items() if spec.format_name in _LOOSE})
    records, asides = scores[best := loose if scores[loose][0] > 2 * scores[exact][0] else exact]
    # A program's messages may come before its first request; a line that could be one does not make a format.
    return best if records or asides * 2 > len(sample) else None


def _most_particular(scores: Mapping[ReaderSpec, tuple[int, int]]) -> ReaderSpec:
    """The first format, in the order of `LAYOUTS`, that reads most of what the best one reads.

    Lines of a layout with times are often a few without one: the plainer layout reads more lines, and less of each.
    """
    best = max(scores, key=lambda spec: scores[spec])
    return next((spec for spec, (records, _) in scores.items() if records * 2 > scores[best][0]), best)


def _score(line_format: LineFormat, lines: Iterable[Iterable[bytes]]) -> tuple[int, int]:
    """How many lines are requests, and how many sound messages."""
    records = asides = 0
    for candidates in lines:
        parsed = next((item for item in map(line_format.parse, candidates) if item is not UNRECOGNISED), UNRECOGNISED)
        records += isinstance(parsed, LogRecord)
        asides += isinstance(parsed, Aside) and parsed in (DIRECTIVE, OTHER_MESSAGE)
    return records, asides


def _explain(sample: Sequence[bytes]) -> str:
    if sample[0].count(b"\0") > len(sample[0]) // 3:
        return "is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8"
    shown = "; ".join(repr(masked(line)) for line in sample[:_SHOWN_LINES])
    return (
        f"no known log format fits. It starts with: {shown}. "
        f"Force one with --format ({', '.join(FORMAT_NAMES)}), or give the server's own layout with --log-format"
    )
