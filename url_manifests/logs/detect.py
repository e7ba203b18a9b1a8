"""Which format a file has, told by its first lines; and the reader that applies it to all of them.

Every format is tried on a sample, on the bare lines and on what is behind their prefixes; the one that reads most lines
wins, the more particular one when they are equal. Later lines that do not fit are tried with all other formats before
they are rejected, so a file whose format changes is read to its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from url_manifests.errors import UnknownLogFormatError, UnknownNameError
from url_manifests.masking import masked

from .builtin import LAYOUTS, NOT_HTTP_LINE, builtin_formats
from .clock import Clock
from .json_lines import DIALECTS, JsonFormat
from .labelled import LabelledFormat
from .prefixes import strip_prefix
from .record import (
    BINARY,
    CUT,
    DIRECTIVE,
    EMPTY_LINE,
    MAX_LINE_BYTES,
    NOT_HTTP,
    OTHER_MESSAGE,
    TOO_LONG,
    UNRECOGNISED,
    Aside,
    LineFormat,
    LogRecord,
    Parsed,
)
from .tabular import TableFormat
from .variables import compile_layout
from .w3c import W3cFormat

FORMAT_NAMES: Final = (*(name for name, _, _ in LAYOUTS), "json", "ltsv", "w3c")
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
_TALKATIVE: Final = frozenset({"uwsgi", "uvicorn", "haproxy", "json", "runserver", "daphne"})


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
        return self.format_name == "w3c"


class LineReader:
    """Reads the lines of one file in the format that `spec` names; `parse` never raises."""

    def __init__(self, spec: ReaderSpec, clock: Clock) -> None:
        self.spec = spec
        self._formats = _all_formats(clock)
        if spec.format_name == TableFormat.name:
            self._formats = {TableFormat.name: TableFormat()}
        if spec.layout:
            self._formats["custom"] = compile_layout(spec.layout, clock)
        self._first = self._formats[spec.format_name]

    @property
    def fast_parse(self) -> Callable[[bytes], Parsed] | None:
        """The format's own method, for lines without prefix; what it calls `UNRECOGNISED` is for `parse`."""
        return None if self.spec.prefixed else self._first.parse

    def parse(self, line: bytes) -> Parsed:
        """One line, without its end."""
        if len(line) > MAX_LINE_BYTES:
            return TOO_LONG
        bare = strip_prefix(line) if self.spec.prefixed else None
        parsed = self._first.parse(line if bare is None else bare)
        return self._other(line) if parsed is UNRECOGNISED else parsed

    def _other(self, line: bytes) -> Parsed:
        """A line that does not fit the file's format: another format, another prefix, or a reason why not."""
        bare = strip_prefix(line)
        for candidate in (line, bare):
            if candidate is None:
                continue
            for other in self._formats.values():
                if isinstance(parsed := other.parse(candidate), LogRecord) or parsed is OTHER_MESSAGE:
                    return parsed
        return self._unreadable(line if bare is None else bare)

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
    formats: list[LineFormat] = [*builtin_formats(clock), JsonFormat(clock), LabelledFormat(clock), W3cFormat(clock)]
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
    name = "json" if format_name in {dialect.name for dialect in DIALECTS} else format_name
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
    """The spec that reads most lines of the sample; of equals the one that is tried first."""
    best, best_score = None, (0, 0)
    bare = [strip_prefix(line) for line in sample]
    for prefixed, lines in ((False, list(sample)), (True, [line for line in bare if line is not None])):
        for name, line_format in _all_formats(clock).items():
            parsed = [line_format.parse(line) for line in lines]
            records = sum(isinstance(item, LogRecord) for item in parsed)
            asides = sum(isinstance(item, Aside) and item in (DIRECTIVE, OTHER_MESSAGE) for item in parsed)
            if (records, asides) > best_score:
                best, best_score = ReaderSpec(name, prefixed), (records, asides)
    return best


def _explain(sample: Sequence[bytes]) -> str:
    shown = "; ".join(repr(masked(line)) for line in sample[:_SHOWN_LINES])
    return (
        f"no known log format fits. It starts with: {shown}. "
        f"Force one with --format ({', '.join(FORMAT_NAMES)}), or give the server's own layout with --log-format"
    )
