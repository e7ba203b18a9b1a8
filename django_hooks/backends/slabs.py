"""What a Memcached has left, by slab class: it evicts from one class while another has room to spare."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .room import HEADROOM, Room


@dataclass(slots=True, kw_only=True)
class SlabClass:
    """Entries of about one size in a Memcached, which never share memory with those of another."""

    chunk_bytes: int
    free: int
    """Chunks that can be used at once."""
    per_page: int


@dataclass(slots=True, kw_only=True)
class SlabRoom(Room):
    """What a Memcached has left, by slab class: it evicts from one class while another has room to spare."""

    pages_left: int = 0
    """Pages of ``page_bytes`` that no class has yet."""
    page_bytes: int = 1 << 20
    growth: float = 1.25
    slabs: Mapping[int, SlabClass] = field(default_factory=dict)
    """By the size of a chunk, smallest first; those that have a page."""
    _made: dict[int, SlabClass] = field(default_factory=dict)

    def share(self, writers: int) -> None:
        """Pages and chunks alike."""
        self.pages_left //= writers
        for slab in self.slabs.values():
            slab.free //= writers

    def take_all(self, sizes_bytes: Sequence[int]) -> bool:  # noqa: ARG002 - as its base
        """Each belongs to a class of its own."""
        return False

    def take(self, size_bytes: int) -> bool:
        """Book an entry in its class, with a new page when that is full."""
        slab = self._slab(size_bytes)
        if slab.free < 1:
            # An entry larger than half a page is laid over several chunks: count the pages that it needs.
            pages = max(1, math.ceil(size_bytes / self.page_bytes))
            if self.pages_left < pages:
                return False
            self.pages_left -= pages
            slab.free += slab.per_page
        slab.free -= 1
        return True

    def _slab(self, size_bytes: int) -> SlabClass:
        known = next((slab for chunk, slab in self.slabs.items() if chunk >= size_bytes), None)
        if known is not None and known.chunk_bytes < size_bytes * self.growth * 1.1:
            return known
        # A class without a page is not listed; its chunks are at most one step of growth larger.
        chunk = int(self.growth ** math.ceil(math.log(max(size_bytes, 2), self.growth)))
        if chunk not in self._made:
            self._made[chunk] = SlabClass(chunk_bytes=chunk, free=0, per_page=max(1, self.page_bytes // chunk))
        return self._made[chunk]


def slab_room(stats: Mapping[str, Any]) -> SlabRoom:
    """From ``stats``, ``stats settings`` and ``stats slabs`` of one server, merged."""
    page_bytes = int(stats.get("slab_page_size", stats.get("item_size_max", 1 << 20)))
    limit = int(stats["limit_maxbytes"])
    slabs = sorted(_slabs(stats), key=lambda slab: slab.chunk_bytes)
    return SlabRoom(
        pages_left=int(limit * HEADROOM - int(stats["total_malloced"])) // page_bytes,
        page_bytes=page_bytes,
        growth=float(stats.get("growth_factor", 1.25)),
        slabs={slab.chunk_bytes: slab for slab in slabs},
        evictions=int(stats["evictions"]),
        limit=f"{limit >> 20} MB",
    )


def _slabs(stats: Mapping[str, Any]) -> Iterator[SlabClass]:
    for name, value in stats.items():
        number, _, field = str(name).partition(":")
        if field == "chunk_size":
            per_page = int(stats[f"{number}:chunks_per_page"])
            yield SlabClass(chunk_bytes=int(value), free=int(stats[f"{number}:free_chunks"]), per_page=per_page)
