"""What containers, log daemons and shippers put in front of a line, or around it, and how to get at the line.

Prefixes stand behind one another (Compose, then Docker's time, then syslog), so a line has *layers*: each is tried
until one can be read. What carries the line inside of a JSON object (Docker, journald, Filebeat, Fluentd, Loki, Google
Cloud) is a layer as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_ISO: Final = rb"\d{4}-\d\d-\d\dT[\d:.,]++(?:Z|[+-]\d\d:?\d\d)"

_PREFIXES: Final = (
    # CRI: time, stream, and whether the line is full or partial.
    re.compile(_ISO + rb" (?:stdout|stderr) [FP] "),
    # RFC 5424: <priority>version time host app process message-id structured-data; in front its length, as sent by TCP
    re.compile(
        rb"(?:\d{1,6} )?<\d{1,3}>\d " + rb"\S++ " * 5 + rb'(?:-|\[(?:[^\]\\"]|"(?:[^"\\]|\\.)*")*+\]) (?:\xef\xbb\xbf)?'
    ),
    # RFC 3164, as rsyslog and journalctl write it: Nov 22 18:33:25 host program[1]:
    re.compile(rb"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? (?:\S++ )?+[^\s:]++: "),
    # journalctl -o short-full and -o short-unix
    re.compile(rb"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S++ \S++ [^\s:]++: "),
    re.compile(rb"\d{9,11}\.\d{6} \S++ [^\s:]++: "),
    # rsyslog with precise times; and relays that leave the program out.
    re.compile(rb"(?:<\d{1,3}>)?" + _ISO + rb" \S++ [^\s:\[{]++(?:\[\d+\])?: +"),
    re.compile(_ISO + rb" \S++ ++(?=[{\[\d])"),
    # Docker Compose: service-1  | line, and kubectl logs --prefix / stern: [pod/name/container] line
    re.compile(rb"[A-Za-z0-9_.-]++ *+\| "),
    re.compile(rb"\[pod/[^\]]++\] "),
    # docker logs --timestamps
    re.compile(_ISO + rb" "),
    # Python servers' own loggers: [time] [process] [level]
    re.compile(rb"\[\d{4}-\d\d-\d\d [^\]\s]++(?: [+-]\d{4})?\] (?:\[\d+\] )?\[[A-Z]+\] "),
    # Whatever else stands in front of an address and a date as the combined family has them, or of a JSON object.
    re.compile(
        rb'[^"]{1,200}?[\s|](?=(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*+:[0-9a-fA-F:.]++) \S++ \S++ '
        rb"\[\d\d/[A-Z][a-z]{2}/\d{4}:)"
    ),
    re.compile(rb'[^{"]{1,300}(?=\{")'),
)
_COLOURS: Final = re.compile(rb"\x1b\[[0-9;?]*+[A-Za-z]")
_MAX_LAYERS: Final = 4

_LINE_KEYS: Final = ("log", "message", "MESSAGE", "msg", "textPayload", "line", "body", "@message", "_raw", "event")
"""Where shippers keep the line; of Elastic's ``event`` object its ``original``."""

_ANY_TIME: Final = re.compile(
    rb"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z\b|UTC|[+-]\d\d:?\d\d\b))?"
    rb"|\d{1,2}/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?"
    rb'|(?<=TIMESTAMP":")\d{16}(?=")|^\d{9,11}\.\d{6}(?= )'
)


def layers(line: bytes) -> Iterator[bytes]:
    """The line without its prefix, then without the prefix behind that, and so on; nothing when it has none."""
    if b"\x1b" in line and (plain := _COLOURS.sub(b"", line)) != line:
        line = plain
        yield line
    for _ in range(_MAX_LAYERS):
        inner = _inner(line)
        if inner is None:
            return
        line = inner
        yield line


def time_in(line: bytes) -> bytes:
    """The first time that stands in a line, in a spelling that tells its day; empty when there is none."""
    match = _ANY_TIME.search(line[:4096])
    return match[0] if match else b""


def _inner(line: bytes) -> bytes | None:
    if line.startswith(b'{"'):
        return _wrapped_line(line)
    for prefix in _PREFIXES:
        if match := prefix.match(line):
            return line[match.end() :]
    return None


def _wrapped_line(line: bytes) -> bytes | None:
    """What a shipper wrapped: ``{"log": "…\\n", "stream": "stdout", "time": "…"}``."""
    try:
        document = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    for key in _LINE_KEYS:
        if inner := _bytes(document.get(key)):
            return inner.rstrip(b"\r\n")
    return None


def _bytes(value: Any) -> bytes:
    if isinstance(value, dict):
        value = value.get("original")
    if isinstance(value, list):  # journald writes what is not UTF-8, or coloured, as the numbers of its bytes
        return bytes(value) if all(isinstance(item, int) and 0 <= item < 256 for item in value) else b""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else b""
