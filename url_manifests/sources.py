"""Where lines come from: files, globs and standard input; plain, gzip, bzip2, xz or zstd by their first bytes.

Lines travel in blocks that end at a line's end, so that whole blocks can go to worker processes.
"""

from __future__ import annotations

import bz2
import contextlib
import glob
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from .errors import ConfigurationError, DamagedArchiveError, FileFormatError
from .logs.record import MAX_LINE_BYTES

BLOCK_BYTES: Final = 1 << 18
"""What is made of a block while it is counted still fits the processor's cache: twice as much costs a tenth more."""
STDIN: Final = "-"

_GZIP: Final = b"\x1f\x8b"
_BZIP2: Final = b"BZh"
_XZ: Final = b"\xfd7zXZ\x00"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_REFUSED: Final = {
    b"\xff\xfe": "is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8",
    b"PK\x03\x04": "is a zip archive; unpack it, or pipe it: unzip -p FILE | python -m url_manifests build -",
}
"""First bytes of what is recognised, so that it can be said, but not read."""
MAGIC_BYTES: Final = 6
"""As many tell whether a file is compressed."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input."""

    path: str
    """As the user gave it; ``-`` for standard input."""

    @property
    def name(self) -> str:
        """What manifests and messages say: the file's name, never its path."""
        return "stdin" if self.path == STDIN else Path(self.path).name


def expand(arguments: Sequence[str]) -> list[Source]:
    """The sources that file names, globs and ``-`` stand for; the same order whatever the file system's.

    Raises:
        ConfigurationError: an argument matches no file, or is a folder.
    """
    paths: list[str] = []
    for argument in arguments:
        if argument == STDIN or Path(argument).is_file() or Path(argument).is_fifo():
            paths.append(argument)
        elif matches := sorted(glob.glob(argument, recursive=True)):  # noqa: PTH207 - also of absolute patterns
            paths += [match for match in matches if Path(match).is_file()]
        else:
            raise ConfigurationError("LOG", f"no file matches {argument!r}")
        if Path(argument).is_dir():
            raise ConfigurationError("LOG", f"{argument!r} is a folder; give its files, such as '{argument}/*.log*'")
    return [Source(path) for path in dict.fromkeys(paths)]


@contextlib.contextmanager
def open_source(source: Source) -> Iterator[IO[bytes]]:
    """A readable stream of the decompressed bytes.

    Raises:
        FileFormatError: the file cannot be opened, or zstd is needed and not installed.
    """
    if source.path == STDIN:
        yield _decompressed(source, cast("io.BufferedReader", sys.stdin.buffer))
        return
    try:
        raw = open(source.path, "rb")  # noqa: SIM115 - closed below; only opening it may fail like this
    except OSError as error:
        raise FileFormatError(source.name, f"cannot be read: {error.strerror}") from error
    with raw:
        yield _decompressed(source, raw)


def _decompressed(source: Source, stream: io.BufferedReader) -> IO[bytes]:
    magic = stream.peek(MAGIC_BYTES)[:MAGIC_BYTES]
    for beginning, problem in _REFUSED.items():
        if magic.startswith(beginning):
            raise FileFormatError(source.name, problem)
    if magic.startswith(_GZIP):
        return cast("IO[bytes]", gzip.open(stream))
    if magic.startswith(_BZIP2):
        return cast("IO[bytes]", bz2.open(stream))
    if magic.startswith(_XZ):
        return cast("IO[bytes]", lzma.open(stream))
    if magic.startswith(_ZSTD):
        return _zstd(source, stream)
    return stream


def is_compressed(beginning: bytes) -> bool:
    """Whether a file that begins so is not plain text."""
    return beginning.startswith((_GZIP, _BZIP2, _XZ, _ZSTD))


def _zstd(source: Source, stream: io.BufferedReader) -> IO[bytes]:
    try:
        from .zstd_frames import ZstdFrames  # noqa: PLC0415 - an extra: only those with zstd logs need it
    except ImportError as error:
        raise FileFormatError(
            source.name, "is compressed with zstd; install django-cache-warming[zstd] to read it"
        ) from error
    return cast("IO[bytes]", ZstdFrames(stream))


def read_blocks(source: Source, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The content in blocks that end at a line's end (the last one may not).

    A line longer than `MAX_LINE_BYTES` is given cut to one byte more than that, whatever its length.

    Raises:
        FileFormatError: the file cannot be opened or read.
        DamagedArchiveError: the compressed data breaks off; the blocks before it were given.
    """
    with open_source(source) as stream:
        yield from whole_lines(_guarded_reads(source, stream, block_bytes))


def _guarded_reads(source: Source, stream: IO[bytes], block_bytes: int) -> Iterator[bytes]:
    """Blocks, gathered from small reads, so that what a damaged archive gave before its damage is not lost."""
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    gathered: list[bytes] = []
    size = 0
    try:
        while piece := read(block_bytes):
            gathered.append(piece)
            size += len(piece)
            if size >= block_bytes:
                yield b"".join(gathered)
                gathered, size = [], 0
    except OSError as error:
        if error.errno is not None:
            raise FileFormatError(source.name, f"cannot be read: {error.strerror}") from error
        # gzip and bz2 say "not a gzipped file" with an OSError that has no number.
        yield b"".join(gathered)
        raise DamagedArchiveError(str(error)) from error
    except (EOFError, zlib.error, lzma.LZMAError, DamagedArchiveError) as error:
        yield b"".join(gathered)
        raise DamagedArchiveError(str(error)) from error
    if gathered:
        yield b"".join(gathered)


def whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that end at a line's end (the last one may not); see `read_blocks` for long lines."""
    rest = b""
    damage = None
    while True:
        try:
            piece = next(pieces, None)
        except DamagedArchiveError as error:
            damage, piece = error, None
        if piece is None:
            break
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest = (rest + piece)[: MAX_LINE_BYTES + 1]
    if rest:
        yield rest
    if damage:
        raise damage
