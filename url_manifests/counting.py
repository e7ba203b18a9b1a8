"""Lines to counts, in bounded memory: what one worker process does with the blocks it is given.

Counting is by hand in Python rather than with DuckDB's ``regexp_extract``, although that is as fast: Python reads bytes
that are not UTF-8, NULs and lines of a megabyte with a reason for every line, keeps one code path for all formats, and
classifies each distinct target once. What it cannot do is hold millions of URLs in a dictionary: so after `MAX_TARGETS`
distinct targets or `MAX_CELLS` counts a worker writes what it has to two files and starts afresh, and DuckDB adds the
files up at the end, on disk where need be (`tally`). A page travels there as the hash of its host and URL.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Final

from .agents import AgentClassifier
from .classify import Classifier, Page
from .logs.clock import Clock
from .logs.detect import LineReader, ReaderSpec
from .logs.record import MAX_LINE_BYTES, TOO_LONG, UNRECOGNISED, LogRecord, Parsed, Rejection
from .masking import masked
from .rules import Rules

MAX_TARGETS: Final = 100_000
MAX_CELLS: Final = 150_000
MAX_AGENTS: Final = 20_000
MAX_VARIANTS: Final = 500
"""Distinct combinations of profile and observed headers; what comes later counts as its profile alone."""
MAX_VARIANT_CHARS: Final = 300
EXAMPLES_PER_REASON: Final = 3

TIME_STEPS_PER_DOUBLING: Final = 8
"""Times are kept as logarithms: 8 steps are 9 % apart."""

_GOOD: Final = frozenset({b"200", b"304"})
"""What Django stores, and what a visitor's browser gets when it holds a copy of that."""
_NOBODY: Final = frozenset({b"", b"-", b"0", b'""'})

# A cell is one number: page, hour + 1, variant, time step and whether somebody was signed in, from the top down.
PAGE_BIT: Final = 48
HOUR_BIT: Final = 24
VARIANT_BIT: Final = 12
TIME_BIT: Final = 2

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingOptions:
    """What decides whether a request is counted; the same for all workers."""

    rules: Rules = field(default_factory=Rules)
    default_host: str = ""
    excluded_agents: tuple[str, ...] = ()
    excluded_networks: tuple[Network, ...] = ()
    keep_bots: bool = False


@dataclass(slots=True)
class Totals:
    """Lines by what became of them; adds up."""

    lines: int = 0
    used: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    """Reason → (source, position, masked line), the first few in the order of the input."""

    def merge(self, other: Totals) -> None:
        """Add what another worker counted."""
        self.lines += other.lines
        self.used += other.used
        self.excluded.update(other.excluded)
        self.rejected.update(other.rejected)
        for reason, rows in other.examples.items():
            self.examples[reason] = sorted([*self.examples.get(reason, []), *rows])[:EXAMPLES_PER_REASON]


def page_hash(host: str, url: str) -> int:
    """64 bits that stand for a page; among 3 million pages two are the same once in 4 million builds."""
    digest = hashlib.blake2b(f"{host} {url}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def time_step(time_us: int) -> int:
    """The logarithmic step of a duration; 0 means unknown."""
    return 1 + int(TIME_STEPS_PER_DOUBLING * math.log2(time_us + 1))


def step_ms(step: int) -> float:
    """The duration, in milliseconds, in the middle of a step."""
    return float(2 ** ((step - 0.5) / TIME_STEPS_PER_DOUBLING) / 1000)


class LineCounter:
    """Counts the blocks of one worker.

    Args:
        folder: for the files of counts.
        worker: number that makes this worker's file names its own.
        now_s: Unix time for the check of future dates; the same for all workers.
    """

    def __init__(self, options: CountingOptions, folder: Path, worker: int, now_s: float) -> None:
        self.totals = Totals()
        self.variants: list[str] = [""]
        self._options = options
        self._folder = folder
        self._worker = worker
        self._clock = Clock(now_s)
        self._readers: dict[tuple[int, ReaderSpec], LineReader] = {}
        self._classifier = Classifier(options.rules, options.default_host)
        self._agent_classifier = AgentClassifier(options.excluded_agents)
        self._agents: dict[bytes | tuple[bytes, bytes, bytes], int | str] = {}
        self._variant_numbers: dict[str, int] = {"": 0}
        self._files = 0
        self._clear()

    def _clear(self) -> None:
        self._targets: dict[tuple[bytes, bytes], int | str] = {}
        self._pages: list[Page] = []
        self._cells: defaultdict[int, int] = defaultdict(int)
        self._further: defaultdict[int, int] = defaultdict(int)

    def count(self, source: int, spec: ReaderSpec, position: int, block: bytes) -> None:
        """Count the lines of one block.

        Args:
            source: number of the file.
            spec: how to read it.
            position: number of the block in the file, so that examples are the first ones whoever counts them.
        """
        key = (source if spec.is_stateful else -1, spec)
        reader = self._readers.get(key)
        if reader is None:
            reader = self._readers[key] = LineReader(spec, self._clock)
        lines = (block.replace(b"\r\n", b"\n") if b"\r\n" in block else block).split(b"\n")
        if not lines[-1]:
            lines.pop()
        self._count_lines(reader, source, position, lines)
        if len(self._targets) > MAX_TARGETS or len(self._cells) > MAX_CELLS:
            self.flush()

    def _count_lines(  # noqa: C901, PLR0912 - one branch a rule, in one loop: a call for each line would halve the speed
        self, reader: LineReader, source: int, position: int, lines: Sequence[bytes]
    ) -> None:
        # The hot loop: everything that is the same for equal values is a dictionary look-up.
        excluded = self.totals.excluded
        parse = reader.fast_parse or reader.parse
        agents, cells, networks = self._agents, self._cells, self._options.excluded_networks
        targets = self._targets
        used = 0
        for number, line in enumerate(lines):
            record = parse(line) if len(line) <= MAX_LINE_BYTES else TOO_LONG
            if record is UNRECOGNISED:
                record = reader.parse(line)
            if not isinstance(record, LogRecord):
                self._not_a_record(record, (source, (position << 32) + number), line)
                continue
            method, target, status, hour, agent, host, client, user, time_us, encoding, language, cookie, hits = record
            if method != b"GET":
                excluded["method"] += 1
                continue
            if status not in _GOOD:
                excluded["status"] += 1
                continue
            who = (agent, encoding, language) if encoding or language else agent
            variant = agents.get(who)
            if variant is None:
                variant = self._new_agent(who)
            if isinstance(variant, str):
                excluded[variant] += 1
                continue
            if networks and self._is_internal(client):
                excluded["internal-address"] += 1
                continue
            page = targets.get((host, target))
            if page is None:
                page = self._new_target(host, target)
            if isinstance(page, str):
                excluded[page] += 1
                continue
            cell = page | (hour + 1) << HOUR_BIT | variant
            if time_us >= 0:
                cell |= time_step(time_us) << TIME_BIT
            if user not in _NOBODY or cookie not in _NOBODY:
                cell |= 1
            cells[cell] += 1
            if hits != 1:
                self._further[cell] += hits - 1
            used += 1
        self.totals.lines += len(lines)
        self.totals.used += used

    def _not_a_record(self, parsed: Parsed, place: tuple[int, int], line: bytes) -> None:
        if not isinstance(parsed, Rejection):
            self.totals.excluded[parsed[0]] += 1  # type: ignore[index]  # an Aside: records never come here
            return
        self.totals.rejected[parsed.reason] += 1
        examples = self.totals.examples.setdefault(parsed.reason, [])
        if len(examples) < EXAMPLES_PER_REASON or place < examples[-1][:2]:
            examples.append((*place, masked(line)))
            examples.sort()
            del examples[EXAMPLES_PER_REASON:]

    def _new_agent(self, who: bytes | tuple[bytes, bytes, bytes]) -> int | str:
        """The variant of a visitor (shifted to its place in a cell), or the rule that excludes a program."""
        if len(self._agents) >= MAX_AGENTS:
            self._agents.clear()
        raw, encoding, language = who if isinstance(who, tuple) else (who, b"", b"")
        agent = self._agent_classifier.classify(raw)
        if agent.rule and not (self._options.keep_bots and agent.rule == "bot"):
            result: int | str = agent.rule
        else:
            result = self._variant(agent.profile, encoding, language) << VARIANT_BIT
        self._agents[who] = result
        return result

    def _variant(self, profile: str, encoding: bytes, language: bytes) -> int:
        observed = [raw.decode("latin-1") if raw != b"-" else "" for raw in (encoding, language)]
        name = "\t".join([profile, *observed]) if profile and any(observed) else profile
        if not name.replace("\t", "").isprintable() or not name.isascii() or len(name) > MAX_VARIANT_CHARS:
            name = profile
        if name not in self._variant_numbers and len(self.variants) >= MAX_VARIANTS:
            name = profile if profile in self._variant_numbers else ""
        if name not in self._variant_numbers:
            self._variant_numbers[name] = len(self.variants)
            self.variants.append(name)
        return self._variant_numbers[name]

    def _new_target(self, host: bytes, target: bytes) -> int | str:
        """The page's number (shifted to its place in a cell), or the rule that excludes it."""
        page = self._classifier.classify(host, target)
        if isinstance(page, str):
            result: int | str = page
        else:
            result = len(self._pages) << PAGE_BIT
            self._pages.append(page)
        self._targets[host, target] = result
        return result

    def _is_internal(self, client: bytes) -> bool:
        try:
            address = ip_address(client.decode("ascii", "replace").strip("[]"))
        except ValueError:
            return False
        return any(address in network for network in self._options.excluded_networks)

    def flush(self) -> None:
        """Write what was counted to the next pair of files, and forget it."""
        if self._cells:
            name = f"{self._worker:03}-{self._files:06}.csv"
            hashes = [page_hash(page.host, page.url) for page in self._pages]
            _write_pages(self._folder / f"pages-{name}", self._pages, hashes)
            self._write_cells(self._folder / f"cells-{name}", hashes)
            self._files += 1
        self._clear()

    def _write_cells(self, path: Path, hashes: Sequence[int]) -> None:
        orders = [page_hash(page.host, page.unordered) if page.unordered else 0 for page in self._pages]
        with path.open("w", encoding="ascii") as stream:
            for cell, lines in self._cells.items():
                page, hits = cell >> PAGE_BIT, lines + self._further.get(cell, 0)
                stream.write(
                    f"{self._worker}\t{hashes[page]}\t{orders[page]}\t{(cell >> HOUR_BIT & 0xFFFFFF) - 1}\t"
                    f"{cell >> VARIANT_BIT & 0xFFF}\t{cell >> TIME_BIT & 0x3FF}\t{cell & 1}\t{lines}\t{hits}\n"
                )


def _write_pages(path: Path, pages: Sequence[Page], hashes: Sequence[int]) -> None:
    with path.open("w", encoding="ascii") as stream:
        for page, number in zip(pages, hashes, strict=True):
            stream.write(f"{number}\t{page.host}\t{page.url}\n")
