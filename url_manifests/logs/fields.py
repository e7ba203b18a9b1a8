"""Names that servers, clouds and log shippers give to the fields of a request, in JSON, logfmt and CSV.

Names are compared *folded*: nested keys joined, lower case, letters and digits only. So ``{"http": {"request":
{"method": …}}}``, ``http.request.method`` and ``httpRequestMethod`` are one name, and a new server is usually known
already. What holds no unit in its name and is written in different ones is only taken with its unit (``250ms``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

METHODS: Final = (
    "requestmethod", "method", "httpmethod", "httprequestmethod", "verb", "nginxrequestmethod", "csmethod", "reqmethod",
    "clientrequestmethod", "httprequestrequestmethod",
)  # fmt: skip
TARGETS: Final = (
    "requesturi", "uri", "url", "originalrequesturiwithargs", "urloriginal", "httpurl", "httptarget", "httprequesturi",
    "path", "target", "requestpath", "requesturl", "clientrequesturi", "urlpath", "csuristem", "reqpath", "httpuri",
    "httppath", "httprequestpath", "urlfull",
)  # fmt: skip
REQUESTS: Final = ("request", "requestline", "httprequest", "req")
STATUSES: Final = (
    "status", "responsestatus", "statuscode", "httpstatus", "responsecode", "code", "httpstatuscode",
    "httpresponsestatuscode", "edgeresponsestatus", "scstatus", "responsestatuscode", "response", "resstatuscode",
)  # fmt: skip
TIMES: Final = (
    "timeiso8601", "timelocal", "msec", "timestamp", "time", "ts", "datetime", "date", "eventtime", "requesttimelocal",
    "edgestarttimestamp", "starttime", "startedat", "reqtimesec", "asctime", "requesttimestamp", "t",
    "realtimetimestamp",
)  # fmt: skip
AGENTS: Final = (
    "httpuseragent", "useragent", "agent", "ua", "requestuseragent", "useragentoriginal", "clientrequestuseragent",
    "requestheadersuseragent", "csuseragent", "httpuseragentoriginal", "reqheadersuseragent", "headersuseragent",
)  # fmt: skip
HOSTS: Final = (
    "httphost", "originalhost", "host", "servername", "vhost", "hostname", "domain", "urldomain", "requesthost",
    "clientrequesthost", "reqhost", "authority", "serveraddress", "requestheadershost", "cshost", "xhostheader",
    "httprequesthost", "reqheadershost", "headershost",
)  # fmt: skip
CLIENTS: Final = (
    "remoteaddr", "remoteip", "clientip", "client", "remotehost", "xforwardedfor", "sourceip", "cliip", "fwd", "cip",
    "clientaddress", "sourceaddress", "networkclientip", "ip", "requestremoteip", "remoteaddress", "requestclientip",
)  # fmt: skip
USERS: Final = ("remoteuser", "user", "auth", "username")
ENCODINGS: Final = ("httpacceptencoding", "acceptencoding", "requestheadersacceptencoding")
LANGUAGES: Final = ("httpacceptlanguage", "acceptlanguage", "requestheadersacceptlanguage")
COOKIES: Final = ("cookiesessionid", "issignedin")
QUERIES: Final = (
    "args", "querystring", "query", "urlquery", "requestquery", "csuriquery", "querystr", "requestquerystring",
)  # fmt: skip

_NAMES_OF: Final = {
    "method": METHODS, "target": TARGETS, "request": REQUESTS, "status": STATUSES, "time": TIMES, "agent": AGENTS,
    "host": HOSTS, "client": CLIENTS, "user": USERS, "accept_encoding": ENCODINGS, "accept_language": LANGUAGES,
    "cookie": COOKIES, "query": QUERIES,
}  # fmt: skip
FIELDS: Final = tuple(_NAMES_OF)
_NAMES: Final = {
    name: (number, rank) for number, names in enumerate(_NAMES_OF.values()) for rank, name in enumerate(names)
}
"""Name → number of its field, and how many names of the field go before it."""

OWN_UNIT: Final = 0.0
DURATIONS: Final = (
    # Name, microseconds in its unit (`OWN_UNIT`: only where the value tells it), another name that must be there
    ("requesttime", 1e6, ""), ("durations", 1e6, ""), ("timetaken", 1e3, "csuristem"), ("timetaken", 1e6, ""),
    ("responsetime", 1e6, ""), ("requesttimems", 1e3, ""), ("durationms", 1e3, ""), ("responsetimems", 1e3, ""),
    ("latencyms", 1e3, ""), ("elapsedms", 1e3, ""), ("durationmicroseconds", 1.0, ""), ("durationus", 1.0, ""),
    ("edgetimetofirstbytems", 1e3, ""), ("originresponsedurationms", 1e3, ""), ("originresponsetime", 1e-3, ""),
    ("turnaroundtimemsec", 1e3, ""), ("eventduration", 1e-3, ""), ("latenciesrequest", 1e3, ""),
    ("responselatency", 1e3, ""), ("upstreamresponsetime", 1e6, ""), ("service", OWN_UNIT, ""),
    ("duration", OWN_UNIT, ""), ("latency", OWN_UNIT, ""), ("elapsed", OWN_UNIT, ""), ("took", OWN_UNIT, ""),
)  # fmt: skip

_WRAPPERS: Final = frozenset(
    {"properties", "jsonpayload", "attributes", "record", "fields", "structuredpayload", "event", "data", "parsed"}
)
"""Objects that shippers put around what the server wrote: what is in them has its name without theirs as well."""
_MAX_DEPTH: Final = 5
_NAME: Final = re.compile(r"[^a-z0-9]+")
_AMOUNT: Final = re.compile(rb"(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?) ?(ns|us|\xc2\xb5s|ms|s)?")
_UNITS_US: Final = {b"ns": 1e-3, b"us": 1.0, b"\xc2\xb5s": 1.0, b"ms": 1e3, b"s": 1e6}


@lru_cache(maxsize=4096)
def folded_name(name: str) -> str:
    """``http.request.method`` → ``httprequestmethod``."""
    return _NAME.sub("", name.lower())


def folded(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with its nested names joined and folded; of two that fold to one name the outer, first one counts."""
    result: dict[str, Any] = {}
    for name, value in _flat(document, "", 0):
        result.setdefault(name, value)
    return result


def _flat(document: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    inner: list[tuple[str, Mapping[str, Any]]] = []
    for key, value in document.items():
        name = folded_name(key)
        if isinstance(value, str) and name in _WRAPPERS and value.startswith("{"):
            value = _object(value)  # noqa: PLW2901 - Azure writes the object as text
        if not isinstance(value, dict):
            yield prefix + name, value
        elif depth < _MAX_DEPTH:
            inner.append((prefix + name, value))
            if name in _WRAPPERS:
                inner.append((prefix, value))
    for name, value in inner:
        yield from _flat(value, name, depth + 1)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def filled(document: Mapping[str, Any], text: Callable[[Any], bytes]) -> list[bytes]:
    """For each of `FIELDS` the text of the first of its names that is filled; empty where none is.

    Args:
        document: with folded names.
        text: makes text of a value.
    """
    found = [b""] * len(FIELDS)
    ranks = [len(_NAMES)] * len(FIELDS)
    for name, value in document.items():
        if (known := _NAMES.get(name)) and known[1] < ranks[known[0]] and (filling := text(value)):
            found[known[0]], ranks[known[0]] = filling, known[1]
    return found


def amount_us(raw: bytes, unit_us: float) -> int | None:
    """Microseconds of a duration; its own unit goes before ``unit_us``. ``None`` for what is no duration."""
    match = _AMOUNT.fullmatch(raw)
    if match is None:
        return None
    unit_us = _UNITS_US[match[2]] if match[2] else unit_us
    return int(min(float(match[1]) * unit_us, 1e15))
