"""Takes entries back when permissions change: held before the change, released after its commit."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.core.cache import BaseCache
from django.core.cache.backends.db import BaseDatabaseCache
from django.db import DEFAULT_DB_ALIAS, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from django_hooks import stores

from . import tokens
from .entries import shared_cache

logger = logging.getLogger(__name__)

MAX_SHARDS: Final = 16
"""A change of users in more shards than these takes everybody's entries back, which is one token."""


@dataclass(slots=True)
class _Writer:
    """What one database connection has under way."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    held: dict[str, float] = field(default_factory=dict)
    """Key of a token → monotonic seconds at which it was held."""


_writers: WeakKeyDictionary[BaseDatabaseWrapper, _Writer] = WeakKeyDictionary()
_unreplaced: set[str] = set()
"""Tokens that could not be replaced when they had to be: this process believes no entry until they are."""
_guard = threading.Lock()
_next_attempt_s = 0.0
CATCH_UP_S: Final = 5
"""A cache that does not answer is not asked by every request whether it does again."""


def invalidate_permissions(users: Iterable[Any] | None = None, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Take entries back after a change that sends no signals, such as ``queryset.update`` or raw SQL.

    Call it in the transaction of the change, before it; or else right after the change.

    Args:
        users: users or their primary keys; by default everybody.
        using: alias of the database that was changed.
    """
    keys = everybody(using) if users is None else of_users(using, (getattr(user, "pk", user) for user in users))
    before(keys, using)
    after(keys, using)


def everybody(using: str) -> list[str]:
    """The tokens of a change that may touch anybody."""
    return [tokens.everybody(using)]


def of_users(using: str, pks: Iterable[object]) -> list[str]:
    """The tokens of a change that touches some users."""
    keys = sorted({tokens.shard(using, pk) for pk in pks})
    return keys if len(keys) <= MAX_SHARDS else everybody(using)


def before(keys: Iterable[str], using: str) -> None:
    """Let no reader store under these tokens until `after`, and the commit that follows it."""
    if (cache := shared_cache()) is None:
        return
    connection = connections[using]
    writer = _writers.setdefault(connection, _Writer())
    for key in keys:
        if _commits_with(cache, connection):
            _attempt(key, partial(_replace_within, connection, cache, key))
        elif time.monotonic() - writer.held.get(key, float("-inf")) > tokens.HOLD_S / 2:
            writer.held[key] = time.monotonic()
            _attempt(key, partial(tokens.hold, cache, key, writer.name))


def after(keys: Iterable[str], using: str) -> None:
    """Release what `before` held, once the change is committed; after a rollback the hold ends by itself."""
    connection = connections[using]
    if connection.in_atomic_block or connection.get_autocommit():
        transaction.on_commit(partial(_release, list(keys), using), using=using, robust=True)


def catch_up(cache: BaseCache) -> bool:
    """Replace what could not be replaced before; whether entries may be believed again."""
    global _next_attempt_s  # noqa: PLW0603 - one for all threads
    if not _unreplaced:
        return True
    with _guard:
        if time.monotonic() < _next_attempt_s:
            return False
        _next_attempt_s = time.monotonic() + CATCH_UP_S
    for key in sorted(_unreplaced):
        # The change may not be committed yet, and nobody is going to say when: a mark that only time takes away.
        _attempt(key, partial(tokens.hold, cache, key, uuid.uuid4().hex))
    return not _unreplaced


def is_behind() -> bool:
    """Whether a token could not be replaced since, and entries that should be dead may still be believed elsewhere."""
    return bool(_unreplaced)


def _release(keys: Iterable[str], using: str) -> None:
    if (cache := shared_cache()) is None:
        return
    writer = _writers.setdefault(connections[using], _Writer())
    for key in keys:
        # Several changes of one transaction share a hold; the first callback releases it.
        if writer.held.pop(key, None) is not None or key in _unreplaced:
            _attempt(key, partial(tokens.release, cache, key, writer.name))


def _attempt(key: str, replace: partial[None]) -> None:
    try:
        replace()
    except Exception as error:  # noqa: BLE001 - a revocation must be possible while the cache is down; caught up later
        logger.error("cache_warming.permissions_not_taken_back key=%s error=%s", key, stores.describe(error))  # noqa: TRY400 - the line says it; a traceback for each key would hide it
        with _guard:
            _unreplaced.add(key)
    else:
        with _guard:
            _unreplaced.discard(key)


def _commits_with(cache: BaseCache, connection: BaseDatabaseWrapper) -> bool:
    """Whether what is written to the cache now becomes visible together with the change, or never."""
    if not isinstance(cache, BaseDatabaseCache) or connection.get_autocommit():
        return False
    return bool(router.db_for_write(cache.cache_model_class) == connection.alias)


def _replace_within(connection: BaseDatabaseWrapper, cache: BaseCache, key: str) -> None:
    # A savepoint: an error of the cache's table must not spoil the transaction of the change.
    with transaction.atomic(using=connection.alias):
        tokens.replace(cache, key)
