"""One JSON object a line: in one of the `dialects`, or with the usual names of `fields`."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from . import fields
from .clock import Clock
from .dialects import Place, Places, places_in, value_at
from .record import (
    BAD_JSON,
    MISSING_FIELD,
    NEGATIVE_TIME,
    OTHER_MESSAGE,
    UNKNOWN_TIME_US,
    UNRECOGNISED,
    LogRecord,
    Parsed,
)
from .w3c import W3cFormat

_MAX_TIME_US: Final = 10**12


class JsonFormat:
    """JSON lines; one without a request is an `OTHER_MESSAGE`."""

    def __init__(self, clock: Clock, name: str = "json") -> None:
        self.name = name
        self._clock = clock
        self._w3c = W3cFormat(clock)

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        start = line.lstrip()
        if not start.startswith(b"{"):
            return UNRECOGNISED
        try:
            document = json.loads(start.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            return BAD_JSON
        return self.record_of(document) if isinstance(document, dict) else BAD_JSON

    def record_of(self, document: dict[str, Any]) -> Parsed:
        """Read one document, whatever it was written as."""
        if (places := places_in(document)) is not None:
            return self._in_dialect(document, places)
        if "cs-method" in document:
            return self._w3c.record_of({name: _text(value) for name, value in document.items()})
        return self._by_usual_names(fields.folded(document))

    def _in_dialect(self, document: dict[str, Any], places: Places) -> Parsed:
        method, target, status, time, duration, agent, host, client, user, encoding, language = (
            _first(document, field) for field in places.fields
        )
        if not method or not target or not status:
            return MISSING_FIELD
        hour = self._clock.hour(time)
        if not isinstance(hour, int):
            return hour
        time_us = _time_us(duration, places.duration_us)
        if time_us is None:
            return NEGATIVE_TIME
        return LogRecord(method, target, status, hour, agent, host, client, user, time_us, encoding, language)

    def _by_usual_names(self, document: dict[str, Any]) -> Parsed:
        method, target, request, status, time, agent, host, client, user, encoding, language, cookie, query = (
            fields.filled(document, _text)
        )
        if not method or not target:
            method, target = _from_request(method, target, request)
        if not method and not target:
            return OTHER_MESSAGE
        if not method or not target or not status:
            return MISSING_FIELD
        if "reqpath" in document and not target.startswith(b"/"):
            target = b"/" + target  # Akamai leaves it out
        if (args := query.removeprefix(b"?")) and b"?" not in target and args != b"-":
            target += b"?" + args
        hour = self._clock.hour(time)
        if not isinstance(hour, int):
            return hour
        time_us = _usual_time_us(document)
        if time_us is None:
            return NEGATIVE_TIME
        return LogRecord(
            method, target, status, hour, _agent(agent), host, client, user, time_us, encoding, language, cookie
        )


def _first(document: dict[str, Any], places: tuple[Place, ...]) -> bytes:
    """The first filled place."""
    for place in places:
        if text := _text(value_at(document, place)):
            return text
    return b""


def _text(value: Any) -> bytes:
    """A value as bytes; numbers as their digits, a list as its first item."""
    if value is None:
        return b""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bool):
        value = "1" if value else ""
    if isinstance(value, int | float):
        value = f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else _digits(value)
    if isinstance(value, str) and value:
        return value.encode("utf-8", "surrogateescape" if value.isprintable() else "backslashreplace")
    return b""


def _digits(value: int) -> str:
    """A whole number as text; Python refuses to print one with thousands of digits."""
    return str(value) if value.bit_length() < 128 else "overflow"


def _from_request(method: bytes, target: bytes, request: bytes) -> tuple[bytes, bytes]:
    """Method and target from a request line; of some logs it is the target only."""
    parts = request.split(b" ")
    if len(parts) in (2, 3):
        return parts[0], parts[1]
    return method, target or (request if method and request.startswith((b"/", b"http")) else b"")


def _agent(raw: bytes) -> bytes:
    """A user agent without the quotes that a parser left on it, and decoded where a CDN had encoded it."""
    bare = raw[1:-1] if len(raw) > 1 and raw.startswith(b'"') and raw.endswith(b'"') else raw
    return unquote_to_bytes(bare) if b"%20" in bare and b" " not in bare else bare


def _usual_time_us(document: dict[str, Any]) -> int | None:
    for name, unit_us, mark in fields.DURATIONS:
        if (raw := _text(document.get(name))) and (not mark or mark in document):
            if unit_us == fields.OWN_UNIT and raw[-1:].isdigit():
                continue  # seconds of one server are milliseconds of another
            return _time_us(raw, unit_us)
    return UNKNOWN_TIME_US


def _time_us(raw: bytes, unit_us: float) -> int | None:
    """Microseconds, `UNKNOWN_TIME_US` when there is none, ``None`` for what is negative or no duration."""
    if not raw or raw == b"-":
        return UNKNOWN_TIME_US
    time_us = fields.amount_us(raw.split(b",")[0].strip(), unit_us)
    return time_us if time_us is not None and 0 <= time_us < _MAX_TIME_US else None
