"""Memcached, through pylibmc."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from django.core.cache.backends.memcached import PyLibMCCache

from .base import Store, is_own
from .findings import Finding, Problems
from .items import Item
from .memcached import OWN, MemcachedStore, text
from .room import Room

_HEADROOM: Final = 0.7
"""Lower than elsewhere: a slab class may be full while the sum is not."""


class PyLibMCStore(MemcachedStore):
    """Django's ``PyLibMCCache``: written in bulk for each timeout, read back by value; it does not tell times left."""

    def _overwrite(self, items: Sequence[Item]) -> Problems:
        return self._in_bulk(self.cache._cache.set_multi, items, Finding.REFUSED)  # noqa: SLF001 - the client itself

    def _add(self, items: Sequence[Item]) -> Problems:
        return self._in_bulk(self.cache._cache.add_multi, items, Finding.TAKEN)  # noqa: SLF001 - as above

    def _in_bulk(self, method: Any, items: Sequence[Item], finding: Finding) -> Problems:
        indexes = {item.made: index for index, item in enumerate(items)}
        groups: dict[float | None, dict[str, Any]] = defaultdict(dict)
        for item in items:
            groups[item.timeout_s][item.made] = item.value
        return {
            indexes[text(made)]: (finding, "")
            for timeout_s, values in groups.items()
            for made in method(values, self.cache.get_backend_timeout(timeout_s))
        }

    def room(self, *, tidies: bool = False) -> Room:  # noqa: ARG002 - as above
        """By the sum of what lies there: this client does not tell how it is spread over slab classes."""
        servers = [
            {text(name): text(value) for name, value in stats.items()}
            for _, stats in self.cache._cache.get_stats()  # noqa: SLF001 - as above
        ]
        limit = sum(int(stats["limit_maxbytes"]) for stats in servers)
        return Room(
            bytes_left=limit * _HEADROOM - sum(int(stats["bytes"]) for stats in servers),
            evictions=sum(int(stats["evictions"]) for stats in servers),
            limit=f"{limit >> 20} MB",
        )


def store_for(alias: str, cache: Any) -> Store | None:
    """The store for a pylibmc backend whose way of storing is the one that we know."""
    return PyLibMCStore(alias, cache) if is_own(cache, PyLibMCCache, *OWN) else None
