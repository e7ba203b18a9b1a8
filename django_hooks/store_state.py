"""Why a cache did not keep what it was given: it is down, it culls, or it refused this one value."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Final

from django.core.cache import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import DatabaseError, connections, router

from url_manifests.reasons import CACHE_DOWN

PROBE_KEY: Final = "cache_warming:probe"
PROBE_TIMEOUT_S: Final = 5
NEARLY_FULL: Final = 0.6
"""Backends that cull leave two thirds of ``MAX_ENTRIES`` (``CULL_FREQUENCY`` 3), so this is what "full" looks like."""


def why_lost(cache: BaseCache) -> str:
    """``cache-down``, ``culled``, ``key-differs``, or empty when the store is well and it must have been the value.

    Asked only after something was lost, for it writes a small value of its own and reads it back: clients that swallow
    errors (django-redis with ``IGNORE_EXCEPTIONS``, Memcached's) look from outside as if they had refused it.
    """
    if isinstance(cache, DummyCache):
        return ""  # It is well: it keeps nothing by design.
    if key_print(cache) != key_print(cache):
        return "key-differs"
    if not answers(cache):
        return CACHE_DOWN
    return "culled" if fill(cache) >= NEARLY_FULL else ""


def key_print(cache: BaseCache) -> str:
    """Stands for how the cache makes keys right now; a site's key function, or version, may change with requests."""
    try:
        made = str(cache.make_key(PROBE_KEY))
    except Exception:  # noqa: BLE001 - a site's key function may raise anything; then nothing is said about it
        return ""
    return hashlib.blake2s(made.encode("utf-8", "backslashreplace"), digest_size=4).hexdigest()


def answers(cache: BaseCache) -> bool:
    """Whether the store has a small value right after it was given it."""
    written = f"{time.time_ns()}"
    try:
        cache.set(PROBE_KEY, written, PROBE_TIMEOUT_S)
        # Another request may have probed in between; any value at all shows that the store keeps what it is given.
        return cache.get(PROBE_KEY) is not None
    except Exception:  # noqa: BLE001 - whatever a backend raises, the answer is that it does not answer
        return False


def fill(cache: BaseCache) -> float:
    """Entries as a share of ``MAX_ENTRIES``, for backends that cull beyond it; 0 for others, and where nobody knows."""
    limit: int = getattr(cache, "_max_entries", 0)
    count = _count(cache) if limit else 0
    return count / limit if limit else 0.0


def _count(cache: Any) -> int:
    if isinstance(cache, LocMemCache):
        return len(cache._cache)  # type: ignore[attr-defined]  # noqa: SLF001 - Django offers no count
    if isinstance(cache, FileBasedCache):
        return len(cache._list_cache_files())  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    if not isinstance(cache, DatabaseCache):
        return 0
    table: str = cache._table  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    connection = connections[router.db_for_read(cache.cache_model_class)]
    try:
        with connection.cursor() as cursor:
            # DatabaseCache itself counts in this way before each of its writes.
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - a setting
            return int(cursor.fetchone()[0])
    except DatabaseError:
        return 0
