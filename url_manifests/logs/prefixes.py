"""What containers and log daemons put in front of a line: syslog, Docker Compose, CRI (Kubernetes), stern, journald."""

from __future__ import annotations

import json
import re
from typing import Final

_ISO: Final = rb"\d{4}-\d\d-\d\dT[\d:.,]++(?:Z|[+-]\d\d:?\d\d)"

_PREFIXES: Final = (
    # CRI: time, stream, and whether the line is full or partial.
    re.compile(_ISO + rb" (?:stdout|stderr) [FP] "),
    # RFC 5424: <priority>version time host app process message-id structured-data
    re.compile(rb"<\d{1,3}>\d " + rb"\S++ " * 5 + rb'(?:-|\[(?:[^\]\\"]|"(?:[^"\\]|\\.)*")*+\]) (?:\xef\xbb\xbf)?'),
    # RFC 3164, as rsyslog and journalctl write it: Nov 22 18:33:25 host program[1]:
    re.compile(rb"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \S++ [^\s:]++: "),
    # rsyslog with precise times; and relays that leave the program out.
    re.compile(_ISO + rb" \S++ [^\s:\[{]++(?:\[\d+\])?: +"),
    re.compile(_ISO + rb" \S++ ++(?=[{\[\d])"),
    # Docker Compose: service-1  | line, and kubectl logs --prefix / stern: [pod/name/container] line
    re.compile(rb"[A-Za-z0-9_.-]++ *+\| "),
    re.compile(rb"\[pod/[^\]]++\] "),
    # docker logs --timestamps
    re.compile(_ISO + rb" "),
)
_DOCKER_FILE: Final = re.compile(rb'\{"log": ?"')


def strip_prefix(line: bytes) -> bytes | None:
    """The line behind its prefix, or ``None`` when it has none."""
    for prefix in _PREFIXES:
        if match := prefix.match(line):
            return line[match.end() :]
    return _docker_line(line) if _DOCKER_FILE.match(line) else None


def _docker_line(line: bytes) -> bytes | None:
    """What Docker's json-file driver wrapped: ``{"log": "…\\n", "stream": "stdout", "time": "…"}``."""
    try:
        document = json.loads(line.decode("utf-8", "surrogateescape"))
        inner = document["log"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return inner.rstrip("\r\n").encode("utf-8", "surrogatepass") if isinstance(inner, str) else None
