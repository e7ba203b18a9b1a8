"""Sources to counts: opens each input, finds out what it is, and hands its blocks or parts to the counting engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from .errors import DamagedArchiveError
from .logs.clock import Clock
from .logs.detect import ReaderSpec, detect
from .logs.tabular import TableFormat
from .sitemap import is_sitemap, sitemap_blocks
from .sources import STDIN, Source, read_blocks
from .spans import opened, spans
from .tables import is_table, table_blocks
from .totals import Totals
from .workers import Engine

_DETECTION_BYTES: Final = 4 << 20

Progress = Callable[[str, int], None]
"""Called with the name of the input and the number of bytes just handed on."""


@dataclass(slots=True)
class SourceCount:
    """One input and what it turned out to be."""

    name: str
    format: str
    lines: int = 0
    damaged: str = ""
    """Why a compressed file could not be read to its end."""


@dataclass(slots=True)
class Reading:
    """Reads one source after the other.

    Args:
        forced: the format that the user named, or ``None`` for detection by file.
        now_s: Unix time for the check of future dates.
    """

    engine: Engine
    forced: ReaderSpec | None
    now_s: float
    progress: Progress
    sources: list[SourceCount] = field(default_factory=list)

    def read(self, sources: Sequence[Source]) -> None:
        """Hand on everything.

        Raises:
            UnknownLogFormatError: a file has no format that is known.
            FileFormatError: a file cannot be read.
        """
        for number, source in enumerate(sources):
            self._read_one(number, source)

    def _read_one(self, number: int, source: Source) -> None:
        count = SourceCount(source.name, "")
        self.sources.append(count)
        spec, blocks = self._opened(source, count)
        handle = None if spec.is_stateful or spec.format_name == TableFormat.name else opened(source)
        if handle is None:
            for position, block in enumerate(blocks):
                self.engine.count(number, spec, position, block)
                self.progress(source.name, len(block))
            return
        with open(handle, "rb", buffering=0):
            for span in spans(handle, number, spec, source.name):
                self.engine.count_span(handle, span)
                self.progress(source.name, span.end - span.start)

    def _opened(self, source: Source, count: SourceCount) -> tuple[ReaderSpec, Iterator[bytes]]:
        """How to read a source, and its blocks."""
        if self.forced is None and is_table(source):
            count.format = "table"
            return ReaderSpec(TableFormat.name), table_blocks(source)
        first, blocks = _peek(self._undamaged(source, count))
        if self.forced is None and is_sitemap(b"\n".join(first[:20])[:4096]) and source.path != STDIN:
            count.format = "sitemap"
            return ReaderSpec(TableFormat.name), sitemap_blocks(source)
        spec = self.forced or detect(source.name, first, Clock(self.now_s))
        count.format = spec.label
        return spec, blocks

    def _undamaged(self, source: Source, count: SourceCount) -> Iterator[bytes]:
        try:
            yield from read_blocks(source)
        except DamagedArchiveError as error:
            count.damaged = str(error) or "ends early"

    def damage(self) -> Totals:
        """Each damaged archive as one line that was rejected: something was there that could not be counted."""
        totals = Totals()
        for number, count in enumerate(self.sources):
            if count.damaged:
                totals.by_source[number] += 1
                totals.rejected["damaged-archive"] += 1
                totals.examples.setdefault("damaged-archive", []).append((number, 0, f"{count.name}: {count.damaged}"))
        return totals


def _peek(blocks: Iterator[bytes]) -> tuple[list[bytes], Iterator[bytes]]:
    """The first lines, and all blocks with those that were looked at."""
    looked_at: list[bytes] = []
    size = 0
    for block in blocks:
        looked_at.append(block)
        size += len(block)
        if size >= _DETECTION_BYTES:
            break
    lines = [line.rstrip(b"\r") for line in b"".join(looked_at).split(b"\n")]
    return lines, chain(looked_at, blocks)
