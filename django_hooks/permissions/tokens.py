"""The tokens that entries are valid under. One is kept with the marks of those who are about to change something.

All functions let exceptions of the backend through: what a failure means is for the caller to say.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from zlib import crc32

from django.apps import apps
from django.conf import settings
from django.core.cache import BaseCache
from django.core.exceptions import ValidationError

SHARDS: Final = 256
"""Tokens for users. One for each would double what has to be warmed; so a change costs its shard's users a query."""
HOLD_S: Final = 300
"""How long a change may be under way before readers store again."""
KEEP_S: Final = 7 * 24 * 3600
"""How long a token lives; one that expires costs its entries, no more."""
LOCK_S: Final = 10
LOCK_WAIT_S: Final = 2
PREFIX: Final = "cache_warming:permissions"


class TokenNotStoredError(Exception):
    """The backend did not keep a token, and may have raised nothing."""


def everybody(database: str) -> str:
    """The key of the token that all entries of a database are under."""
    return f"{PREFIX}:{database}:all"


@cache
def _pk_of(model: str) -> Any:
    return apps.get_model(model)._meta.pk  # noqa: SLF001 - documented by Django


def pk_text(user_pk: object) -> str:
    """A user's primary key as text, the same however it is spelled: Django takes a UUID, or a number, as text too.

    Whoever takes a member out of a group by another spelling must not miss the token that the user's requests read.
    """
    try:
        return str(_pk_of(settings.AUTH_USER_MODEL).to_python(user_pk))
    except ValidationError:
        return str(user_pk)  # No user can have it.


def shard(database: str, user_pk: object) -> str:
    """The key of the token that the entry of one user is under."""
    return _shards(database)[crc32(pk_text(user_pk).encode()) % SHARDS]


def shards(database: str, user_pks: Iterable[object]) -> list[str]:
    """`shard` of many users, whose primary keys are as the database gives them; ``None`` stands for `everybody`."""
    names, all_users = _shards(database), everybody(database)
    return [
        all_users if pk is None else names[crc32((str(pk) if type(pk) is int else pk_text(pk)).encode()) % SHARDS]
        for pk in user_pks
    ]


@cache
def _shards(database: str) -> list[str]:
    return [f"{PREFIX}:{database}:users:{number}" for number in range(SHARDS)]


def usable(state: Any) -> str | None:
    """The token in what was read, or ``None`` when there is none or a change is under way."""
    if not _is_state(state) or _marks(state):
        return None
    return str(state["token"])


def create(cache: BaseCache, key: str) -> str | None:
    """Make a token where there is none; ``None`` when somebody was quicker."""
    state = _state({})
    return state["token"] if cache.add(key, state, KEEP_S) else None


def hold(cache: BaseCache, key: str, writer: str) -> None:
    """Replace the token and let no reader store until this writer releases it, or `HOLD_S` have passed."""
    with _lock(cache, key) as is_alone:
        marks = {**_marks(cache.get(key)), writer: time.time() + HOLD_S}
        _write(cache, key, marks if is_alone else {**marks, **_nobodys_mark()})


def release(cache: BaseCache, key: str, writer: str) -> None:
    """Replace the token and take this writer's mark away; others stay."""
    with _lock(cache, key) as is_alone:
        found = cache.get(key)
        marks = {name: until for name, until in _marks(found).items() if name != writer}
        # What is gone may have held the mark of another writer, who still is under way.
        _write(cache, key, marks if is_alone and _is_state(found) else {**marks, **_nobodys_mark()})


def replace(cache: BaseCache, key: str) -> None:
    """Replace the token and leave all marks. Without a lock: for a cache that is part of the changing transaction."""
    _write(cache, key, _marks(cache.get(key)))


def _nobodys_mark() -> dict[str, float]:
    """One that only time takes away, for when the marks of others could not be read or kept reliably."""
    return {uuid.uuid4().hex: time.time() + HOLD_S}


def _state(marks: dict[str, float]) -> dict[str, Any]:
    return {"token": uuid.uuid4().hex, "marks": marks}


def _is_state(state: Any) -> bool:
    return isinstance(state, dict) and isinstance(state.get("token"), str) and isinstance(state.get("marks"), dict)


def _marks(state: Any) -> dict[str, float]:
    if not _is_state(state):
        return {}
    now_s = time.time()
    return {name: until_s for name, until_s in state["marks"].items() if until_s > now_s}


def _write(cache: BaseCache, key: str, marks: dict[str, float]) -> None:
    state = _state(marks)
    cache.set(key, state, KEEP_S)
    # Backends hide failures: a database cache, Memcached's noreply, django-redis with IGNORE_EXCEPTIONS.
    if (found := cache.get(key)) != state:
        raise TokenNotStoredError(f"{key} is {'another' if found else 'gone'} right after it was written")


@contextmanager
def _lock(cache: BaseCache, key: str) -> Iterator[bool]:
    """Keep other writers from the token; false when that was not possible in `LOCK_WAIT_S`. Readers never wait."""
    ends_at = time.monotonic() + LOCK_WAIT_S
    while not (is_alone := cache.add(f"{key}:lock", 1, LOCK_S)) and time.monotonic() < ends_at:
        time.sleep(0.002)
    try:
        yield is_alone
    finally:
        if is_alone:
            cache.delete(f"{key}:lock")
