"""Which of many entries are under tokens that are still current: nobody would believe the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from django_hooks.backends import Item, Store

from . import tokens
from .entries import is_usable

Under: TypeAlias = tuple[str, ...]
"""The tokens that an entry has to be under; empty text where there is none that one may be under."""


def current(store: Store, database: str, user_pks: Sequence[object]) -> list[Under]:
    """What the entry of each user has to be under now; ``None`` stands for all superusers."""
    everybody = tokens.everybody(database)
    shards = tokens.shards(database, user_pks)
    keys = list({everybody, *shards})
    states = store.values([Item.of(store, key, None) for key in keys])
    usable = {key: tokens.usable(states.get(index)) or "" for index, key in enumerate(keys)}
    under: dict[str, Under] = {key: (usable[everybody], usable[key]) for key in keys}
    under[everybody] = (usable[everybody],)
    return [under[shard] for shard in shards]


def dead_in(store: Store, keys: Sequence[str], under: Sequence[Under]) -> list[str]:
    """The keys of entries that are not under the given tokens, one group of them for each key."""
    made = store.make_many(keys, None) or [store.make(key, None) for key in keys]
    stored = store.stored(made) or [None] * len(made)
    # Tokens are made up at random, and nothing but an entry under them has them in it. What shows none, such as one
    # that is compressed, is read as its readers do.
    marks = {each: [token.encode() for token in each if token] for each in set(under)}
    doubtful = [
        index
        for index, (found, each) in enumerate(zip(stored, under, strict=True))
        if found is None or len(marks[each]) < len(each) or not _has_all(found[0], marks[each])
    ]
    items = [Item.asked(keys[index], None, made[index]) for index in doubtful]
    values = store.values(items) if items else {}
    return [keys[index] for place, index in enumerate(doubtful) if not is_usable(values.get(place), under[index])]


def _has_all(stored: bytes, marks: Sequence[bytes]) -> bool:
    for mark in marks:  # noqa: SIM110 - called for each of a million entries
        if mark not in stored:
            return False
    return True
