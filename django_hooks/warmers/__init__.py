"""What an application's ``warmers.py`` is written with.

::

    from django_hooks.warmers import CacheEntry, register

    @register("dashboard", timeout=3600)
    def dashboard_figures():
        for metric in METRICS:
            yield CacheEntry(key=metric.key, compute=metric.function)
"""

from __future__ import annotations

from .base import CacheEntry, Category, Warmer
from .cached_function import Cached
from .cached_warmer import cached
from .declared_rows import cached_rows
from .fragments import FragmentWarmer
from .key_batches import KeyBatch
from .queries import QueryWarmer, register_queries
from .registry import Registry, register, registry
from .row_cache import CachedRows
from .rows import RowsWarmer
from .sessions import SessionsWarmer
from .streaming import streamed, streamed_pages
from .variants import FragmentContext

__all__ = [
    "CacheEntry",
    "Cached",
    "CachedRows",
    "Category",
    "FragmentContext",
    "FragmentWarmer",
    "KeyBatch",
    "QueryWarmer",
    "Registry",
    "RowsWarmer",
    "SessionsWarmer",
    "Warmer",
    "cached",
    "cached_rows",
    "register",
    "register_queries",
    "registry",
    "streamed",
    "streamed_pages",
]
