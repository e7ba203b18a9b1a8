"""What the stores have of the keys that an outcome file names: asked in bulk, values let go at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from django.core.cache import BaseCache, InvalidCacheBackendError, caches
from django.http.response import HttpResponseBase

from url_manifests.outcomes import KeyState
from url_manifests.traces import HEADER_LIST_PREFIX

from . import stores
from .backends import Store, open_store, shortest_time_left_s
from .recorder import PAGE_BODY_PREFIX

KeyId: TypeAlias = tuple[str, str, int | str | None]
"""Alias, key and version."""
Version: TypeAlias = int | str | None


class Presence(Enum):
    """What the store said about a key."""

    PRESENT = "present"
    MISSING = "missing"
    UNREACHABLE = "unreachable"
    """There, but its visitors are led to another key."""
    PRIVATE = "private"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Seen:
    """The answer for one key."""

    presence: Presence
    detail: str = ""
    value: Any = None
    """Of a list of headers."""


PRESENT: Final = Seen(Presence.PRESENT)
_MISSING: Final = Seen(Presence.MISSING)
_PRIVATE: Final = Seen(Presence.PRIVATE)


def key_id(state: KeyState) -> KeyId:
    """What names a key in the whole project."""
    return (state.alias, state.key, state.version)


def look_up(states: Sequence[KeyState], dead: set[str]) -> dict[KeyId, Seen]:
    """Read the keys back, alias by alias; those whose store does not answer are added to ``dead``."""
    groups: dict[tuple[str, Version], dict[str, None]] = defaultdict(dict)
    for state in states:
        groups[state.alias, state.version][state.key] = None
    return {
        (alias, key, version): answer
        for (alias, version), keys in groups.items()
        for key, answer in _look_up_in(alias, list(keys), version, dead).items()
    }


def _look_up_in(alias: str, keys: list[str], version: Version, dead: set[str]) -> dict[str, Seen]:
    try:
        cache = caches[alias]
    except InvalidCacheBackendError:
        return dict.fromkeys(keys, Seen(Presence.UNREADABLE, f"no cache has the alias {alias!r} here"))
    except Exception as error:  # noqa: BLE001 - a backend's constructor may raise anything; each key is reported
        return dict.fromkeys(keys, Seen(Presence.UNREADABLE, stores.describe(error)))
    if stores.keeps_to_itself(cache):
        return dict.fromkeys(keys, _PRIVATE)
    answers: dict[str, Seen] = {}
    # Values may be large: no more of them are in memory than one read gives.
    for part in stores.batches(keys, stores.READ_BATCH):
        answers |= _read_part(cache, alias, part, version, dead)
    return answers


def _read_part(cache: BaseCache, alias: str, keys: list[str], version: Version, dead: set[str]) -> dict[str, Seen]:
    if alias in dead:
        return dict.fromkeys(keys, Seen(Presence.UNREADABLE, stores.NOT_TRIED))
    found = stores.read_back(cache, keys, version)
    if found.gave_up:
        dead.add(alias)
    return {key: _seen(key, found) for key in keys}


def _seen(key: str, found: stores.ReadBack) -> Seen:
    if key in found.values:
        value = found.values[key]
        is_list = key.startswith(HEADER_LIST_PREFIX)
        # Django takes for a page whatever it finds there, and answers visitors with an error.
        if not isinstance(value, list if is_list else HttpResponseBase if key.startswith(PAGE_BODY_PREFIX) else object):
            return Seen(Presence.UNREADABLE, f"{type(value).__name__} stands where the page cache keeps its own")
        return Seen(Presence.PRESENT, value=value) if is_list else PRESENT
    if key in found.unreadable:
        return Seen(Presence.UNREADABLE, found.unreadable[key])
    return _MISSING


class TimesLeft:
    """The least time left by alias; keeps one store open for each while a file is read."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}
        self.shortest_s: dict[str, float] = {}
        """Alias → seconds, where the backend can tell."""
        self.errors: Counter[str] = Counter()
        """Exceptions of backends that were asked for it, by class."""

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Let go of the stores at the end of the block."""
        try:
            yield
        finally:
            for store in self._stores.values():
                store.close()
            self._stores.clear()

    def note(self, seen: Mapping[KeyId, Seen]) -> None:
        """Ask for those that are there."""
        groups: dict[tuple[str, Version], list[str]] = defaultdict(list)
        for (alias, key, version), answer in seen.items():
            if answer.presence is Presence.PRESENT:
                groups[alias, version].append(key)
        for (alias, version), keys in groups.items():
            try:
                left_s = shortest_time_left_s(self._store(alias), keys, version)
            except Exception as error:  # noqa: BLE001 - counted; the entries are there all the same
                self.errors[type(error).__name__] += 1
                self._forget(alias)  # Half an answer may be left in its connection.
                continue
            if left_s is not None:
                self.shortest_s[alias] = min(left_s, self.shortest_s.get(alias, left_s))

    def _store(self, alias: str) -> Store:
        if alias not in self._stores:
            self._stores[alias] = open_store(alias)
        return self._stores[alias]

    def _forget(self, alias: str) -> None:
        if (store := self._stores.pop(alias, None)) is not None:
            store.close()
