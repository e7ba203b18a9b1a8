"""Memcached, through pylibmc."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.cache.backends.memcached import PyLibMCCache

from .base import Finding, Item, Problems, Store, is_own
from .memcached import OWN, STATS, MemcachedStore, text


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

    def _servers(self) -> list[Mapping[str, Any]]:
        client = self.cache._cache  # noqa: SLF001 - as above
        parts = [client.get_stats(*part) for part in STATS]
        return [
            {text(name): text(value) for _, stats in server for name, value in stats.items()}
            for server in zip(*parts, strict=True)
        ]


def store_for(alias: str, cache: Any) -> Store | None:
    """The store for a pylibmc backend whose way of storing is the one that we know."""
    return PyLibMCStore(alias, cache) if is_own(cache, PyLibMCCache, *OWN) else None
