"""zstd, frame after frame; needs the extra ``zstd``."""

from __future__ import annotations

from typing import IO, Final

import zstandard

from .errors import DamagedArchiveError

_PIECE_BYTES: Final = 1 << 14
"""Of compressed data: what one piece becomes is held in memory whole."""


class ZstdFrames:
    """Reads all frames of a stream, and says so when the last one breaks off.

    The library's own stream reader takes the end of the file for the end of the data.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._is_inside = False

    def read(self, _size: int) -> bytes:
        """Some decompressed bytes; none at the end.

        Raises:
            DamagedArchiveError: the data breaks off or is corrupt.
        """
        while piece := self._frame.unused_data or self._stream.read(_PIECE_BYTES):
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            try:
                data = self._frame.decompress(piece)
            except zstandard.ZstdError as error:
                raise DamagedArchiveError(str(error)) from error
            self._is_inside = not self._frame.eof
            if data:
                return data
        if self._is_inside:
            raise DamagedArchiveError("Compressed file ended before the end of its last frame")
        return b""
