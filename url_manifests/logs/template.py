"""Layouts given as a string of variables (nginx ``log_format``, Apache ``LogFormat``, gunicorn), as one compiled regex.

Every field of a record is a group of every regex; a layout that lacks a field gets an empty group at its end. So one
``match.group`` call with fixed positions reads any layout. Quantifiers are possessive: a line that does not fit fails
in one pass, however long it is.
"""

from __future__ import annotations

import re
from typing import Final

from .clock import Clock
from .record import NEGATIVE_TIME, UNKNOWN_TIME_US, UNRECOGNISED, LogRecord, Parsed

FIELDS: Final = (
    "method", "target", "status", "time", "agent", "host", "client", "user", "duration", "accept_encoding",
    "accept_language", "cookie", "args",
)  # fmt: skip

QUOTED: Final = r'[^"\\]*+(?:\\.[^"\\]*+)*+'
METHOD: Final = r"[A-Za-z][A-Za-z-]{0,31}+"
_TARGET: Final = r'[^\s"\\]*+(?:\\.[^\s"\\]*+)*+'
PROTOCOL: Final = r"(?: (?:HTTP/)?+[0-9.]{1,4}+)?+"  # hypercorn leaves the name out
REQUEST: Final = rf"(?P<method>{METHOD}) (?P<target>{_TARGET}){PROTOCOL} ?+"
DURATION: Final = r"-?+[0-9]++(?:\.[0-9]++)?+"
STATUS: Final = r"(?:[0-9]{3}|-)"
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_CONTROL: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"v": b"\v", b"f": b"\f"}


def unescape(raw: bytes) -> bytes:
    r"""Undo the escapes of nginx and Apache: ``\xHH``, ``\"``, ``\\``, ``\n``."""

    def original(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes.fromhex(match[1].decode())
        return _CONTROL.get(match[2], match[2])

    return _ESCAPE.sub(original, raw)


class RegexFormat:
    """A layout of lines as a compiled regex.

    Args:
        name: as ``--format`` spells it.
        pattern: regex over the whole line, with groups named after `FIELDS`.
        clock: reads the ``time`` group.
        duration_us: microseconds in the unit of the ``duration`` group.
        escaped: whether the log escapes bytes as ``\\xHH``.
    """

    def __init__(
        self, name: str, pattern: str, clock: Clock, *, duration_us: float = 1e6, escaped: bool = True
    ) -> None:
        self.name = name
        missing = "".join(f"(?P<{field}>)" for field in FIELDS if f"(?P<{field}>" not in pattern)
        self._regex = re.compile(f"(?s:{pattern}){missing}".encode())
        self._positions = tuple(self._regex.groupindex[field] for field in FIELDS)
        self._clock = clock
        self._recent = clock.recent
        self._duration_us = duration_us
        self._escaped = escaped

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        match = self._regex.fullmatch(line)
        if match is None:
            return UNRECOGNISED
        (method, target, status, time, agent, host, client, user, duration, encoding, language, cookie, args) = (
            match.group(*self._positions)
        )
        hour = self._recent.get(time)
        if hour is None:
            parsed = self._clock.hour(time or b"")
            if not isinstance(parsed, int):
                return parsed
            hour = parsed
        if duration and self._time_us(duration) < 0:
            return NEGATIVE_TIME
        if args:
            target += args if args.startswith(b"?") else b"?" + args
        if self._escaped and b"\\" in target:
            target = unescape(target)
        time_us = self._time_us(duration) if duration else UNKNOWN_TIME_US
        # As LogRecord(...), without the call of its Python-level constructor: a quarter of the time of a line.
        return tuple.__new__(
            LogRecord,
            (
                method, target, status, hour, agent or b"", host or b"", client or b"", user or b"", time_us,
                encoding or b"", language or b"", cookie or b"", 1,
            ),
        )  # fmt: skip

    def _time_us(self, raw: bytes) -> int:
        """Microseconds; -1 for what is negative or no number."""
        try:
            return int(float(raw) * self._duration_us)
        except (ValueError, OverflowError):
            return -1
