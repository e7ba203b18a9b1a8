"""The last resort: any line that holds a request in quotes with its status behind it.

Read are the request, the status, the first time, the first address and what looks like a user agent. Host and duration
are not: what a bare number or word means cannot be told; ``--log-format`` tells it.
"""

from __future__ import annotations

import re
from typing import Final

from .clock import Clock
from .prefixes import time_in
from .record import UNRECOGNISED, LogRecord, Parsed
from .template import unescape

_REQUEST: Final = re.compile(
    rb'"([A-Z]{3,16}) ((?:/|https?://)[^\s"\\]*+(?:\\.[^\s"\\]*+)*+) (?:HTTP/)?[0-9](?:\.[0-9])? ?"'
    rb'[ ,;|\t]"?(\d{3})"?(?![\d.])'
)
_AGENT: Final = re.compile(rb'"([A-Za-z][\w. -]{0,40}/\d[^"]*)"')
_ADDRESS: Final = re.compile(
    rb"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?=[0-9a-fA-F:]*:[0-9a-fA-F]*:)[0-9a-fA-F:]{3,39})(?![\w.])"
)


class AnyRequestFormat:
    """Lines of a layout that nobody told us."""

    name = "request"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        match = _REQUEST.search(line)
        if match is None:
            return UNRECOGNISED
        method, target, status = match.groups()
        before, after = line[: match.start()], line[match.end() :]
        hour = self._clock.hour(time_in(before) or time_in(after))
        if not isinstance(hour, int):
            return hour
        agent, client = _AGENT.search(after), _ADDRESS.search(before)
        return LogRecord(
            method, unescape(target), status, hour, agent[1] if agent else b"", client=client[0] if client else b""
        )
