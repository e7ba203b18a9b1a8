"""What each cache backend can do in bulk, what it can hold, and how it hides its failures: one class for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from django.core.cache import caches

from .base import Factory, Store
from .findings import GONE, Finding, Gone, Problems
from .items import Item
from .room import Room

__all__ = ["GONE", "Finding", "Gone", "Item", "Problems", "Room", "Store", "open_store", "shortest_time_left_s"]


@cache
def _kinds() -> tuple[Factory, ...]:
    # Loading the clients takes a tenth of a second, which web workers and most commands have no use for.
    from . import database, files, memcached, pylibmc, redis  # noqa: PLC0415

    return redis.store_for, memcached.store_for, pylibmc.store_for, database.store_for, files.store_for


def shortest_time_left_s(store: Store, keys: Sequence[str], version: int | str | None) -> float | None:
    """The least time left among entries that are there; ``None`` when none of them ends, or the backend cannot tell.

    May raise whatever the backend raises.
    """
    if not store.tells_time_left:
        return None
    times = store.time_left_s([Item.of(store, key, version) for key in keys])
    return min((left_s for left_s in times if isinstance(left_s, float)), default=None)


def open_store(alias: str) -> Store:
    """The store behind a cache alias; nothing is connected to yet.

    A backend that is none of the known ones, or whose methods a subclass has replaced, is used through Django's
    interface alone.

    Raises:
        InvalidCacheBackendError: there is no such alias; and whatever the backend's constructor raises.
    """
    opened = caches[alias]
    for kind in _kinds():
        if (store := kind(alias, opened)) is not None:
            return store
    return Store(alias, opened)
