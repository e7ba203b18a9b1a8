"""Lines of ``key=value`` with quotes around what holds spaces (logfmt): Heroku's router, Grafana's and Go's servers."""

from __future__ import annotations

import re
from typing import Any, Final

from .clock import Clock
from .json_lines import JsonFormat
from .prefixes import time_in
from .record import UNRECOGNISED, Parsed

_PAIR: Final = re.compile(rb'(?<![^\s{,])([A-Za-z_][\w.-]{0,60}+)=(?:"((?:[^"\\]|\\.)*+)"|([^\s"]*+))')
_HINT: Final = re.compile(rb"\b(?:method|verb)=", re.IGNORECASE)


class LogfmtFormat:
    """Named values in any order, behind any prefix; the names are those of `fields`."""

    name = "logfmt"

    def __init__(self, clock: Clock) -> None:
        self._named = JsonFormat(clock)

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        if not _HINT.search(line):
            return UNRECOGNISED
        document: dict[str, Any] = {}
        for name, quoted, bare in _PAIR.findall(line):
            value = quoted.replace(b'\\"', b'"') if quoted else bare
            document.setdefault(name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
        if "path" not in document and "uri" not in document and "url" not in document:
            return UNRECOGNISED
        if not document.keys() & {"time", "ts", "timestamp", "t"} and (moment := time_in(line)):
            document["time"] = moment.decode("latin-1")
        return self._named.record_of(document)
