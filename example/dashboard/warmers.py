"""The dashboard's figures, computed before the first colleague opens it."""

from __future__ import annotations

from collections.abc import Iterator

from django_hooks.warmers import CacheEntry, register

from .metrics import METRICS


@register("dashboard", priority=10)
def dashboard_figures() -> Iterator[CacheEntry]:
    """Key, function and timeout are those that the views give to ``get_or_set``."""
    for metric in METRICS:
        yield CacheEntry(key=metric.key, compute=metric.function, timeout=metric.timeout)
