"""JSON access logs: Caddy, Traefik, Envoy, Fastly, and nginx with the names its documentation and guides use.

A dialect is a table: which keys make it this dialect, and where each field of a record stands. ``a/b`` is a nested key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from .clock import Clock
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where one server's JSON keeps the fields of a record; of several places the first that is filled counts."""

    name: str
    marks: tuple[str, ...]
    """Keys that all must be there."""
    duration_us: float
    """Microseconds in the unit of its duration."""
    method: tuple[str, ...]
    target: tuple[str, ...]
    status: tuple[str, ...]
    time: tuple[str, ...]
    agent: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    duration: tuple[str, ...] = ()
    accept_encoding: tuple[str, ...] = ()
    accept_language: tuple[str, ...] = ()
    cookie: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


DIALECTS: Final = (
    Dialect(
        name="caddy-json", marks=("request/method", "request/uri"), duration_us=1e6,
        method=("request/method",), target=("request/uri",), status=("status",), time=("ts",),
        agent=("request/headers/User-Agent",), host=("request/host",), user=("user_id",), duration=("duration",),
        client=("request/client_ip", "request/remote_ip", "request/remote_addr"),
        accept_encoding=("request/headers/Accept-Encoding",), accept_language=("request/headers/Accept-Language",),
    ),
    Dialect(
        name="traefik-json", marks=("RequestMethod", "RequestPath"), duration_us=1e-3,
        method=("RequestMethod",), target=("RequestPath",), status=("DownstreamStatus", "OriginStatus"),
        time=("StartUTC", "StartLocal", "time"), agent=("request_User-Agent",), host=("RequestHost", "RequestAddr"),
        client=("ClientHost",), user=("ClientUsername",), duration=("Duration",),
        accept_encoding=("request_Accept-Encoding",), accept_language=("request_Accept-Language",),
    ),
    Dialect(
        name="fastly-json", marks=("url", "request_method", "response_status"), duration_us=1.0,
        method=("request_method",), target=("url",), status=("response_status",), time=("timestamp", "time_start"),
        agent=("request_user_agent",), host=("host", "orig_host"), client=("client_ip",), duration=("time_elapsed",),
        accept_encoding=("request_accept_encoding",), accept_language=("request_accept_language",),
    ),
    Dialect(
        name="envoy-json", marks=("response_code", "method"), duration_us=1e3,
        method=("method",), target=("x-envoy-origin-path", "path", "x-envoy-original-path"),
        status=("response_code",), time=("start_time",), agent=("user-agent", "user_agent"),
        host=(":authority", "authority"), duration=("duration",),
        client=("x-forwarded-for", "x_forwarded_for", "downstream_remote_address"),
    ),
    Dialect(
        name="gcp-json", marks=("httpRequest/requestMethod", "httpRequest/requestUrl"), duration_us=1e6,
        method=("httpRequest/requestMethod",), target=("httpRequest/requestUrl",), status=("httpRequest/status",),
        time=("timestamp",), agent=("httpRequest/userAgent",), client=("httpRequest/remoteIp",),
    ),
    Dialect(
        name="nginx-json", marks=(), duration_us=1e6,
        method=("request_method", "method", "http_method", "verb", "request/method", "nginx/request_method"),
        target=("request_uri", "uri", "url", "path", "target", "request_path", "request/uri", "request/url"),
        status=("status", "response_status", "status_code", "http_status", "response_code", "code", "response/status"),
        time=("time_iso8601", "time_local", "msec", "time", "timestamp", "@timestamp", "ts", "datetime", "date"),
        agent=("http_user_agent", "user_agent", "agent", "useragent", "ua", "userAgent", "request_user_agent"),
        host=("http_host", "host", "server_name", "vhost", "hostname", "domain"),
        client=("remote_addr", "remote_ip", "client_ip", "client", "remote_host", "x_forwarded_for"),
        user=("remote_user", "user"),
        duration=("request_time", "duration_s", "response_time", "upstream_response_time"),
        accept_encoding=("http_accept_encoding", "accept_encoding"),
        accept_language=("http_accept_language", "accept_language"),
        cookie=("cookie_sessionid", "is_signed_in"), args=("args", "query_string", "query"),
    ),
)  # fmt: skip
"""The last one stands for everything that is told apart by its fields only."""


class JsonFormat:
    """One JSON object a line, in any of the `DIALECTS`; a JSON line without a request is an `OTHER_MESSAGE`."""

    def __init__(self, clock: Clock, name: str = "json") -> None:
        self.name = name
        self._clock = clock

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        start = line.lstrip()
        if not start.startswith(b"{"):
            return UNRECOGNISED
        try:
            document = json.loads(start.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            return BAD_JSON
        return self._record(document, dialect_of(document)) if isinstance(document, dict) else BAD_JSON

    def _record(self, document: dict[str, Any], dialect: Dialect) -> Parsed:
        method, target = _field(document, dialect.method), _field(document, dialect.target)
        if not method and (request := _field(document, ("request", "request_line", "http_request"))):
            method, target = _split_request(request)
        status = _field(document, dialect.status)
        if not method and not target:
            return OTHER_MESSAGE
        if not method or not target or not status:
            return MISSING_FIELD
        if (args := _field(document, dialect.args)) and b"?" not in target and args != b"-":
            target += b"?" + args
        hour = self._clock.hour(_field(document, dialect.time))
        if not isinstance(hour, int):
            return hour
        time_us = _time_us(_field(document, dialect.duration), dialect.duration_us)
        if time_us is None:
            return NEGATIVE_TIME
        values = (_field(document, getattr(dialect, name)) for name in ("agent", "host", "client", "user"))
        agent, host, client, user = values
        return LogRecord(
            method, target, status, hour, agent, host, client, user, time_us,
            _field(document, dialect.accept_encoding), _field(document, dialect.accept_language),
            _field(document, dialect.cookie),
        )  # fmt: skip


def dialect_of(document: dict[str, Any]) -> Dialect:
    """The first dialect whose marks are all there."""
    for dialect in DIALECTS:
        if all(_get(document, mark) is not None for mark in dialect.marks):
            return dialect
    return DIALECTS[-1]


def _get(document: Any, place: str) -> Any:
    for key in place.split("/"):
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def _field(document: dict[str, Any], places: tuple[str, ...]) -> bytes:
    """The first filled place as bytes; numbers as their digits, a list as its first item."""
    for place in places:
        value = _get(document, place)
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


def _split_request(request: bytes) -> tuple[bytes, bytes]:
    parts = request.split(b" ")
    return (parts[0], parts[1]) if len(parts) in (2, 3) else (b"", b"")


def _time_us(raw: bytes, unit_us: float) -> int | None:
    """Microseconds, `UNKNOWN_TIME_US` when there is none, ``None`` for what is negative or no number."""
    if not raw or raw == b"-":
        return UNKNOWN_TIME_US
    try:
        time_us = float(raw.split(b",")[0].removesuffix(b"s")) * unit_us
    except ValueError:
        return None
    return int(time_us) if 0 <= time_us < 1e12 else None
