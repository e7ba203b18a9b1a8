"""Django's file cache: the same files, without the listing of the whole folder that each of its writes begins with."""

from __future__ import annotations

import os
import pickle
import tempfile
import time
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

from django.core.cache.backends.filebased import FileBasedCache
from django.core.files.move import file_move_safe

from .base import OVERHEAD_BYTES, Store, is_own
from .findings import GONE, Finding, Gone, Problems, wrong_time
from .items import Item
from .room import HEADROOM, Room

_EXPIRY_PROTOCOL: Final = pickle.HIGHEST_PROTOCOL


class FileStore(Store):
    """``FileBasedCache``: a file holds a pickled expiry and then the compressed, pickled value."""

    tells_time_left = True
    needs_value = False

    def encode(self, item: Item) -> None:
        """As Django's ``_write_content``."""
        item.data = zlib.compress(pickle.dumps(item.value, self.cache.pickle_protocol))
        item.size_bytes = len(item.data) + OVERHEAD_BYTES

    def _path(self, item: Item) -> str:
        path: str = self.cache._key_to_file(item.key, item.version)  # noqa: SLF001 - Django offers no other way
        return path

    def present(self, items: Sequence[Item]) -> set[int]:
        """By the expiry in each file."""
        return {index for index, left_s in enumerate(self.time_left_s(items)) if left_s is not GONE}

    def write(self, items: Sequence[Item], *, overwrite: bool) -> Problems:
        """A file each, moved into its place when it is whole."""
        taken = set() if overwrite else self.present(items)
        self.cache._createdir()  # noqa: SLF001 - as above
        for index, item in enumerate(items):
            if index not in taken:
                self._write_one(item)
        return dict.fromkeys(taken, (Finding.TAKEN, ""))

    def _write_one(self, item: Item) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.cache._dir)  # noqa: SLF001 - the setting LOCATION
        try:
            with open(handle, "wb") as file:
                file.write(pickle.dumps(self.cache.get_backend_timeout(item.timeout_s), _EXPIRY_PROTOCOL))
                file.write(item.data or b"")
            file_move_safe(temporary, self._path(item), allow_overwrite=True)
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108 - a path as text, as Django has it
            raise

    def verify(self, items: Sequence[Item], elapsed_s: float) -> Problems:
        """The bytes in each file against those that were written."""
        problems: Problems = {}
        for index, item in enumerate(items):
            if (found := self._content(item)) is None:
                problems[index] = (Finding.MISSING, "")
            elif found[1] != item.data:
                problems[index] = (Finding.DIFFERENT, "")
            elif wrong := wrong_time(item.timeout_s, found[0], elapsed_s):
                problems[index] = wrong
        return problems

    def _content(self, item: Item) -> tuple[float | None, bytes] | None:
        try:
            with open(self._path(item), "rb") as file:
                left_s = _left_s(file)
                return None if isinstance(left_s, Gone) else (left_s, file.read())
        except FileNotFoundError:
            return None

    def time_left_s(self, items: Sequence[Item]) -> list[float | Gone | None]:
        """Exact."""
        return [self._time_left_s(item) for item in items]

    def _time_left_s(self, item: Item) -> float | Gone | None:
        try:
            with open(self._path(item), "rb") as file:
                return _left_s(file)
        except FileNotFoundError:
            return GONE

    def room(self, *, tidies: bool = False) -> Room:  # noqa: ARG002 - as above
        """Up to ``MAX_ENTRIES`` files."""
        limit: int = self.cache._max_entries  # noqa: SLF001 - the setting MAX_ENTRIES
        count = len(self.cache._list_cache_files())  # noqa: SLF001 - Django offers no count
        return Room(entries_left=int(limit * HEADROOM) - count, limit=f"MAX_ENTRIES {limit}")


def _left_s(file: BinaryIO) -> float | Gone | None:
    try:
        ends_at_s: Any = pickle.load(file)  # noqa: S301 - the cache's own file, read as Django reads it
    except EOFError:
        return GONE  # an empty file has expired, says Django
    if ends_at_s is None:
        return None
    left_s = float(ends_at_s) - time.time()
    return left_s if left_s > 0 else GONE


def store_for(alias: str, cache: Any) -> Store | None:
    """The store for a file cache whose way of storing is the one that we know."""
    if not is_own(cache, FileBasedCache, "set", "add", "get", "_write_content", "_key_to_file"):
        return None
    return FileStore(alias, cache)
