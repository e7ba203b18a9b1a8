"""Lines to counts, in bounded memory: what one worker process does with the blocks it is given.

Counting is by hand in Python rather than with DuckDB's ``regexp_extract``, although that is as fast: Python reads bytes
that are not UTF-8, NULs and lines of a megabyte with a reason for every line, keeps one code path for all formats, and
classifies each distinct target once. What it cannot do is hold millions of URLs in a dictionary: so after `MAX_CELLS`
counts or ``MAX_TARGETS`` distinct targets a worker writes what it has to two files, and DuckDB adds the files up at the
end, on disk where need be (`tally`). A page travels there as the hash of its host and URL.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import IO, Final

from .bulk import BulkCounter
from .cells import (
    BAD_STATUS,
    GOOD_STATUSES,
    HOUR_BIT,
    NOBODY,
    NOT_COUNTED,
    OTHER_METHOD,
    SIGNED_IN,
    TARGET_BIT,
    TIME_BIT,
    time_step,
)
from .classify import Classifier
from .logs.clock import Clock
from .logs.detect import LineReader, ReaderSpec
from .logs.record import MAX_LINE_BYTES, TOO_LONG, UNRECOGNISED, LogRecord, Parsed, Rejection
from .rules import Rules
from .targets import MAX_TARGETS, NotPlainError, Targets
from .totals import Totals
from .visitors import Visitors

MAX_CELLS: Final = 250_000
_LOW_BITS: Final = (1 << TARGET_BIT) - 1
"""A cell without its target, whose number would not fit into 64 bits."""

_PORT: Final = re.compile(r"(?<=\]):\d{1,5}$|(?<=\.\d{1}):\d{1,5}$|(?<=\.\d{2}):\d{1,5}$|(?<=\.\d{3}):\d{1,5}$")
"""Behind an address of IPv4 or one in brackets, where an application server names the client's port."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingOptions:
    """What decides whether a request is counted; the same for all workers."""

    rules: Rules = field(default_factory=Rules)
    default_host: str = ""
    excluded_agents: tuple[str, ...] = ()
    excluded_networks: tuple[Network, ...] = ()
    keep_bots: bool = False


class LineCounter:
    """Counts the blocks of one worker.

    Args:
        folder: for the files of counts.
        worker: number that makes this worker's file names its own.
        now_s: Unix time for the check of future dates; the same for all workers.
    """

    def __init__(self, options: CountingOptions, folder: Path, worker: int, now_s: float) -> None:
        self.totals = Totals()
        self._networks = options.excluded_networks
        self._folder = folder
        self._worker = worker
        self._clock = Clock(now_s)
        self._readers: dict[tuple[int, ReaderSpec], LineReader] = {}
        self._visitors = Visitors(options.excluded_agents, keep_bots=options.keep_bots)
        self._targets = Targets(Classifier(options.rules, options.default_host))
        self._cells: Counter[int] = Counter()
        self._further: Counter[int] = Counter()
        """Cell → requests beyond one a line, from tables that were counted elsewhere."""
        self._bulk = BulkCounter(self._clock, self._visitors, self._targets, self._cells)
        self._files = 0

    @property
    def variants(self) -> list[str]:
        """Name of the variant behind each number."""
        return self._visitors.variants

    def count(self, source: int, spec: ReaderSpec, position: int, block: bytes) -> None:
        """Count the lines of one block.

        Args:
            source: number of the file.
            spec: how to read it.
            position: a number that grows from block to block of the file, so that examples are the first ones whoever
                counts them.
        """
        key = (source if spec.is_stateful else -1, spec)
        reader = self._readers.get(key)
        if reader is None:
            reader = self._readers[key] = LineReader(spec, self._clock)
        lines = self._plain_lines_counted(source, spec, block)
        self._count_lines(reader, (source, position << 32), lines)
        if len(self._cells) > MAX_CELLS or len(self._targets.parts) > MAX_TARGETS:
            self.flush()

    def _plain_lines_counted(self, source: int, spec: ReaderSpec, block: bytes) -> Iterable[tuple[int, bytes]]:
        """What is left for the general parser."""
        if BulkCounter.can_read(spec) and not self._networks:
            try:
                number, left = self._bulk.count(block)
            except NotPlainError:
                pass
            else:
                self.totals.by_source[source] += number
                return ((number, line.removesuffix(b"\r")) for number, line in left)
        lines = (block.replace(b"\r\n", b"\n") if b"\r\n" in block else block).split(b"\n")
        if not lines[-1]:
            lines.pop()
        self.totals.by_source[source] += len(lines)
        return enumerate(lines)

    def _count_lines(  # noqa: C901 - one branch a rule, in one loop: a call for each line would halve the speed
        self, reader: LineReader, place: tuple[int, int], lines: Iterable[tuple[int, bytes]]
    ) -> None:
        # The hot loop of all formats but one: everything that is the same for equal values is a dictionary look-up.
        excluded = self.totals.excluded
        parse = reader.fast_parse or reader.parse
        visitors, cells, targets, networks = self._visitors, self._cells, self._targets.parts, self._networks
        for number, line in lines:
            record = parse(line) if len(line) <= MAX_LINE_BYTES else TOO_LONG
            if record is UNRECOGNISED:
                record = reader.parse(line)
            if not isinstance(record, LogRecord):
                self._not_a_record(record, (place[0], place[1] + number), line)
                continue
            method, target, status, hour, agent, host, client, user, time_us, encoding, language, cookie, hits = record
            if method != b"GET":
                excluded["method"] += 1
                continue
            if status not in GOOD_STATUSES:
                excluded["status"] += 1
                continue
            cell = visitors[(agent, encoding, language) if encoding or language else agent]
            if cell & NOT_COUNTED:
                excluded[visitors.rule(cell)] += 1
                continue
            if networks and self._is_internal(client):
                excluded["internal-address"] += 1
                continue
            cell |= targets[host, target] | (hour + 1) << HOUR_BIT
            if time_us >= 0:
                cell |= time_step(time_us) << TIME_BIT
            if user not in NOBODY or cookie not in NOBODY:
                cell |= SIGNED_IN
            cells[cell] += 1
            if hits != 1:
                self._further[cell] += hits - 1

    def _not_a_record(self, parsed: Parsed, place: tuple[int, int], line: bytes) -> None:
        if isinstance(parsed, Rejection):
            self.totals.reject(parsed.reason, place, line)
        else:
            self.totals.excluded[parsed[0]] += 1  # type: ignore[index]  # an Aside: records never come here

    def _is_internal(self, client: bytes) -> bool:
        try:
            address = ip_address(_PORT.sub("", client.decode("ascii", "replace")).strip("[]"))
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def flush(self) -> None:
        """Write what was counted to the next pair of files, and forget it."""
        name = f"{self._worker:03}-{self._files:06}.csv"
        with (
            (self._folder / f"pages-{name}").open("w", encoding="ascii") as new_pages,
            (self._folder / f"cells-{name}").open("w", encoding="ascii") as rows,
        ):
            rows.writelines(self._rows(new_pages))
        self._files += 1
        self._cells.clear()
        self._further.clear()
        if len(self._targets.parts) > MAX_TARGETS:
            self._targets.clear()

    def _rows(self, new_pages: IO[str]) -> Iterator[str]:
        """The cells that count, as text; the others are added to what is excluded."""
        pages, further, worker, used = self._targets.pages, self._further, self._worker, 0
        for cell, lines in self._cells.items():
            if cell & NOT_COUNTED:
                self.totals.excluded[self._mark(cell)] += lines
                continue
            number = cell >> TARGET_BIT
            page = pages[number]
            if page is None:
                page = self._targets.page(number, new_pages)
            if not page:
                self.totals.excluded[self._targets.rules[number]] += lines
                continue
            used += lines
            yield f"{worker}\t{page}\t{cell & _LOW_BITS}\t{lines}\t{further.get(cell, 0) if further else 0}\n"
        self.totals.used += used

    def _mark(self, cell: int) -> str:
        """The rule that excludes a marked cell: method before status before agent, as the general loop has it."""
        return "method" if cell & OTHER_METHOD else "status" if cell & BAD_STATUS else self._visitors.rule(cell)
