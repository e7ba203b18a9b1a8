"""The lines that most logs consist of, a whole block in one pass of C: combined format without oddities.

A line that this regex takes means the same to the general parser (a test holds the two against each other); every other
line is handed over to it, with its place, byte for byte. So nothing here decides what is rejected or why.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from .cells import BAD_STATUS, GOOD_STATUSES, HOUR_BIT, NOBODY, ODD_LINE, SIGNED_IN
from .logs.clock import Clock
from .logs.detect import ReaderSpec
from .targets import NotPlainError, Targets
from .visitors import Visitors

_MAX_MOMENTS: Final = 50_000

_ZONE: Final = re.compile(rb"\[[^\]\s]{20} ([+-][0-9]{4})\]")
_LINE: Final = (
    rb"\S{1,200}+ (?:-|\S{1,200}+)"
    # The user and the time together, as both repeat: one look-up tells the hour and whether somebody is signed in. The
    # seconds are left out, and so is the zone, which is the same for the whole block.
    rb" (\S{1,200}+ \[[^\]]{17}):[0-9]{2} ZONE\] "
    # The target of a GET; of all other requests with the method.
    rb'"(?:GET (?=/)|(?!GET )(?=[A-Z]{3,20}+ /))((?:[A-Z]{3,20}+ )?+/[^ ]{0,8000}+) HTTP/[0-9.]{1,4}+"'
    # A status that is not counted; the usual ones are left empty, which costs no look-up worth the name.
    rb' (?:GOOD|([0-9]{3})) (?:[0-9]{1,20}+|-) "QUOTED" "(QUOTED)"(?:[ \t\r][^\n]{0,8000}+)?+\n'
    rb"|[^\n]*+\n"
)
"""One match a line, the groups of an odd line all empty. Every quantifier is possessive and has an end, so
that no line is read twice and none that is longer than the general parser allows gets through."""
_QUOTED: Final = rb'[^"\\\n]{0,8000}+'
_QUOTED_WITHOUT_BACKSLASH: Final = rb'[^"]{0,8000}+'
"""Searching for one byte is several times as fast as for one of three. It may run past a line's end: see `_lines`."""
_GOOD: Final = b"|".join(sorted(GOOD_STATUSES))
_MINUTE: Final = re.compile(rb"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}")


@lru_cache(maxsize=32)
def _line_regex(zone: bytes, quoted: bytes) -> re.Pattern[bytes]:
    return re.compile(_LINE.replace(b"ZONE", re.escape(zone)).replace(b"QUOTED", quoted).replace(b"GOOD", _GOOD))


def _lines(zone: bytes, block: bytes) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """The groups of every line."""
    if b"\\" not in block:
        found = _line_regex(zone, _QUOTED_WITHOUT_BACKSLASH).findall(block)
        # Every match ends with a line's end: if there are as many of both, no match holds another one.
        if len(found) == block.count(b"\n"):
            return found
    return _line_regex(zone, _QUOTED).findall(block)


class BulkCounter:
    """Counts blocks of plain combined lines.

    Args:
        cells: where the lines are added.
    """

    def __init__(self, clock: Clock, visitors: Visitors, targets: Targets, cells: Counter[int]) -> None:
        self._moments = _Moments(clock)
        self._statuses = defaultdict(lambda: BAD_STATUS, {b"": 0})
        self._visitors: Mapping[bytes, int] = visitors  # type: ignore[assignment]  # only ever asked for agents
        self._targets: Mapping[bytes, int] = targets.parts  # type: ignore[assignment]  # only for targets
        self._cells = cells

    @staticmethod
    def can_read(spec: ReaderSpec) -> bool:
        """Whether a file of this format consists of such lines."""
        return spec == ReaderSpec("combined")

    def count(self, block: bytes) -> tuple[int, Iterator[tuple[int, bytes]]]:
        """Count the plain lines of a block.

        Returns:
            How many lines there were; and number and text of those that are left to the general parser.

        Raises:
            NotPlainError: none was counted.
        """
        zone = found[1] if (found := _ZONE.search(block)) else b"+0000"
        moments, statuses, visitors, targets = self._moments.of(zone), self._statuses, self._visitors, self._targets
        if not block.endswith(b"\n"):
            block += b"\n"
        lines = _lines(zone, block)
        # Added rather than joined by ``or``, which is slower: no two parts share a bit. The large number comes last.
        cells = [
            moments[moment] + statuses[status] + visitors[agent] + targets[target]
            for moment, target, status, agent in lines
        ]
        self._cells.update(cells)
        if not self._cells.pop(ODD_LINE, 0):
            return len(lines), iter(())
        texts = block.split(b"\n")
        return len(lines), ((number, texts[number]) for number, line in enumerate(lines) if not line[1])


class _Moments(dict[bytes, int]):
    """User and minute → hour and whether somebody was signed in, as parts of a cell; of one zone at a time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._zone = b""

    def of(self, zone: bytes) -> _Moments:
        """Begin a block of this zone."""
        if zone != self._zone or len(self) >= _MAX_MOMENTS:
            self.clear()
            self[b""] = 0
            self._zone = zone
        return self

    def __missing__(self, raw: bytes) -> int:
        user, _, minute = raw.partition(b" [")
        hour = self._clock.hour(minute + b":00 " + self._zone)
        if not isinstance(hour, int) or not _MINUTE.fullmatch(minute):
            raise NotPlainError
        part = hour + 1 << HOUR_BIT | (0 if user in NOBODY else SIGNED_IN)
        self[raw] = part
        return part
