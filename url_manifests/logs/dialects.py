"""JSON access logs whose names or units are their own: Caddy, Traefik, Envoy, Fastly, Google Cloud, pino.

A dialect is a table: which keys make it this dialect, and where each field of a record stands. ``a/b`` is a nested key.
All other JSON is read by the usual names of `fields`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


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


DIALECTS: Final = (
    Dialect(
        name="caddy-json", marks=("request/method", "request/uri", "status"), duration_us=1e6,
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
        status=("response_code",), time=("start_time", "@timestamp", "timestamp", "time"),
        agent=("user-agent", "user_agent"), host=(":authority", "authority"), duration=("duration",),
        client=("x-forwarded-for", "x_forwarded_for", "downstream_remote_address"),
    ),
    Dialect(
        name="pino-json", marks=("req/method", "req/url"), duration_us=1e3,
        method=("req/method",), target=("req/url",), status=("res/statusCode",), time=("time",),
        agent=("req/headers/user-agent",), host=("req/headers/host",), client=("req/remoteAddress",),
        duration=("responseTime",), accept_encoding=("req/headers/accept-encoding",),
        accept_language=("req/headers/accept-language",),
    ),
    Dialect(
        name="gcp-json", marks=("httpRequest/requestMethod", "httpRequest/requestUrl"), duration_us=1e6,
        method=("httpRequest/requestMethod",), target=("httpRequest/requestUrl",), status=("httpRequest/status",),
        time=("timestamp",), agent=("httpRequest/userAgent",), client=("httpRequest/remoteIp",),
        duration=("httpRequest/latency",),
    ),
)  # fmt: skip


JSON_NAMES: Final = frozenset({*(dialect.name for dialect in DIALECTS), "nginx-json"})
"""Other names of the format ``json``."""


Place = tuple[str, ...]
"""The keys that lead to a value."""


class Places:
    """A dialect's places, taken apart once and not for each line."""

    def __init__(self, dialect: Dialect) -> None:
        self.duration_us = dialect.duration_us
        self.marks = _taken_apart(dialect.marks)
        self.fields = tuple(
            _taken_apart(places)
            for places in (
                dialect.method, dialect.target, dialect.status, dialect.time, dialect.duration, dialect.agent,
                dialect.host, dialect.client, dialect.user, dialect.accept_encoding, dialect.accept_language,
            )
        )  # fmt: skip
        """Of method, target, status, time, duration, agent, host, client, user, accept_encoding, accept_language."""


def _taken_apart(places: tuple[str, ...]) -> tuple[Place, ...]:
    return tuple(tuple(place.split("/")) for place in places)


_PLACES: Final = tuple(map(Places, DIALECTS))


def places_in(document: dict[str, Any]) -> Places | None:
    """Those of the first dialect whose marks are all there; ``None`` for a document with the usual names."""
    for places in _PLACES:
        for mark in places.marks:
            if value_at(document, mark) is None:
                break
        else:
            return places
    return None


def value_at(document: Any, place: Place) -> Any:
    """What stands at a place, or ``None``."""
    for key in place:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document
