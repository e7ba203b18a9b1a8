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
from .cached import Cached, cached
from .fragments import FragmentContext, FragmentWarmer
from .registry import Registry, register, registry
from .sessions import SessionsWarmer

__all__ = [
    "CacheEntry",
    "Cached",
    "Category",
    "FragmentContext",
    "FragmentWarmer",
    "Registry",
    "SessionsWarmer",
    "Warmer",
    "cached",
    "register",
    "registry",
]
