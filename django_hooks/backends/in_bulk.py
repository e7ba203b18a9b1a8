"""Keys by the thousand, as a backend has them, without a call for each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from django.core.cache import BaseCache
from django.core.cache.backends.base import default_key_func

from django_hooks import stores

logger = logging.getLogger(__name__)

Stored: TypeAlias = tuple[bytes, int]
"""The bytes of an entry as they lie in a store, and Memcached's flags beside them."""


def common_head(cache: Any, key: str, version: int | str | None) -> str | None:
    """What the cache puts before each key; ``None`` where it does more than that, or something of its own.

    Args:
        cache: the backend.
        key: one of the keys.
        version: of all keys; ``None`` is the backend's.
    """
    makes_as_django = type(cache).make_key is BaseCache.make_key and "make_key" not in vars(cache)
    # What changes with the request would be no attribute of the backend's own.
    is_fixed = {"version", "key_prefix"} <= vars(cache).keys()
    if cache.key_func is not default_key_func or not makes_as_django or not is_fixed:
        return None
    made = default_key_func(key, cache.key_prefix, cache.version if version is None else version)
    return made.removesuffix(key) if made.endswith(key) else None


def readable(found: Iterable[tuple[int, Stored | None]], decode: Callable[[Stored], Any]) -> dict[int, Any]:
    """The values by index; without ``None``, and without what cannot be decoded."""
    values: dict[int, Any] = {}
    for index, stored in found:
        if stored is not None:
            try:
                values[index] = decode(stored)
            except Exception as error:  # noqa: BLE001 - an unpickled class may raise anything; its readers cannot use it
                logger.debug("cache_warming.unreadable", extra={"error": stores.describe(error)})
    return values


def longest(keys: Sequence[str]) -> int:
    """Letters of the longest key."""
    return max(map(len, keys), default=0)
