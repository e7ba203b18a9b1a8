"""Labelled tab-separated values (LTSV): ``time:[…]<TAB>req:GET / HTTP/1.1<TAB>status:200`` in any order."""

from __future__ import annotations

from typing import Final

from .clock import Clock
from .record import MISSING_FIELD, NEGATIVE_TIME, UNKNOWN_TIME_US, UNRECOGNISED, LogRecord, Parsed
from .template import unescape

_LABELS: Final = {
    b"method": "method", b"uri": "target", b"path": "target", b"url": "target", b"request_uri": "target",
    b"req": "request", b"request": "request", b"status": "status", b"code": "status",
    b"time": "time", b"datetime": "time", b"time_local": "time", b"time_iso8601": "time", b"msec": "time",
    b"ua": "agent", b"user_agent": "agent", b"useragent": "agent", b"http_user_agent": "agent",
    b"vhost": "host", b"server_name": "host", b"http_host": "host", b"domain": "host",
    b"host": "client", b"remote_host": "client", b"remote_addr": "client", b"client": "client", b"ip": "client",
    b"user": "user", b"remote_user": "user",
    b"reqtime": "seconds", b"request_time": "seconds", b"apptime": "upstream", b"taken_sec": "seconds",
    b"reqtime_microsec": "microseconds", b"accept_encoding": "accept_encoding",
    b"accept_language": "accept_language", b"args": "args", b"query": "args",
}  # fmt: skip


class LabelledFormat:
    """LTSV with the labels of ltsv.org and those that servers' guides use."""

    name = "ltsv"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        fields = _fields(line)
        if len(fields) < 2:
            return UNRECOGNISED
        if request := fields.get("request"):
            method, _, rest = request.partition(b" ")
            target = rest.rpartition(b" HTTP/")[0] or rest
        else:
            method, target = fields.get("method", b""), fields.get("target", b"")
        status = fields.get("status", b"")
        if not method or not target or not status:
            return MISSING_FIELD
        if args := fields.get("args", b"").removeprefix(b"?"):
            target += b"?" + args
        hour = self._clock.hour(fields.get("time", b""))
        if not isinstance(hour, int):
            return hour
        time_us = _time_us(fields)
        if time_us is None:
            return NEGATIVE_TIME
        get = fields.get
        return LogRecord(
            method, unescape(target), status, hour, get("agent", b""), get("host", b""), get("client", b""),
            get("user", b""), time_us, get("accept_encoding", b""), get("accept_language", b""),
        )  # fmt: skip


def _fields(line: bytes) -> dict[str, bytes]:
    fields: dict[str, bytes] = {}
    for item in line.split(b"\t"):
        label, colon, value = item.partition(b":")
        if colon and (name := _LABELS.get(label)) and value != b"-":
            fields.setdefault(name, value)
    return fields


def _time_us(fields: dict[str, bytes]) -> int | None:
    for name, unit_us in (("microseconds", 1.0), ("seconds", 1e6), ("upstream", 1e6)):
        if raw := fields.get(name):
            try:
                time_us = float(raw) * unit_us
            except ValueError:
                return None
            return int(time_us) if 0 <= time_us < 1e12 else None
    return UNKNOWN_TIME_US
