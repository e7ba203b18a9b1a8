"""Plain files in parts that begin and end at a line's end, so that each worker reads its own.

A file that is compressed, a pipe or read in order (W3C) cannot be parted so: its blocks go through the one process that
reads (`sources`). The parts are long: neighbouring lines are of the same hour, so one worker counts together what would
otherwise be a row of each. Towards the end they become short, so that all workers are done at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, NamedTuple

from .errors import FileFormatError
from .logs.detect import ReaderSpec
from .sources import BLOCK_BYTES, MAGIC_BYTES, STDIN, Source, is_compressed, whole_lines

_MIN_SPAN_BYTES: Final = 1 << 20
_MAX_SPAN_BYTES: Final = 32 << 20
_SPANS_LEFT: Final = 16
"""A part is at most this share of what is left."""
_LOOK_BYTES: Final = 1 << 16


class Span(NamedTuple):
    """Whole lines of a plain file. Its open file travels beside it: a path may name another one after a rotation."""

    source: int
    """Number of the file."""
    spec: ReaderSpec
    name: str
    """Of the file, for errors."""
    start: int
    end: int


def opened(source: Source) -> int | None:
    """Handle of a file that can be read in parts, for the caller to close; ``None`` for everything else."""
    if source.path == STDIN or not os.path.isfile(source.path):  # noqa: PTH113 - one look, as the next line has
        return None
    try:
        handle = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileFormatError(source.name, f"cannot be read: {error.strerror}") from error
    if is_compressed(os.pread(handle, MAGIC_BYTES, 0)):
        os.close(handle)
        return None
    return handle


def spans(handle: int, source: int, spec: ReaderSpec, name: str) -> Iterator[Span]:
    """All parts of a file, as long as it is now."""
    size, start = os.fstat(handle).st_size, 0
    while start < size:
        length = min(max((size - start) // _SPANS_LEFT, _MIN_SPAN_BYTES), _MAX_SPAN_BYTES)
        end = _line_end(handle, start + length, size)
        yield Span(source, spec, name, start, end)
        start = end


def _line_end(handle: int, position: int, size: int) -> int:
    """The first end of a line from a position on; at most ``size``."""
    while position < size:
        piece = os.pread(handle, _LOOK_BYTES, position)
        if end := piece.find(b"\n") + 1:
            return min(position + end, size)
        if not piece:
            break
        position += len(piece)
    return size


def span_blocks(handle: int, span: Span) -> Iterator[tuple[int, bytes]]:
    """The lines of a part in blocks, each with a number that grows from block to block through the whole file.

    Raises:
        FileFormatError: the file cannot be read.
    """
    position = span.start
    for block in whole_lines(_pieces(handle, span)):
        yield position, block
        position += len(block)


def _pieces(handle: int, span: Span) -> Iterator[bytes]:
    position = span.start
    while position < span.end:
        try:
            piece = os.pread(handle, min(BLOCK_BYTES, span.end - position), position)
        except OSError as error:
            raise FileFormatError(span.name, f"cannot be read: {error.strerror}") from error
        if not piece:
            return  # the file was cut since
        yield piece
        position += len(piece)
