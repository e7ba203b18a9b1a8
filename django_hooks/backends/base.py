"""What the engine needs of a cache store, in bulk; `Store` does it through Django's cache interface, for any backend.

Subclasses know one kind of backend and do the same in fewer round trips, with less memory, and without believing what
the backend's client hides. What is true of nearly every key is not reported: a call gives the exceptions, by index.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, ClassVar, Final, TypeAlias

from django.core.cache import BaseCache, CacheKeyWarning, InvalidCacheKey

from django_hooks import stores

from .findings import SLACK_S, Finding, Gone, Problems, wrong_time
from .in_bulk import Stored, common_head, longest, readable
from .items import Item
from .room import Room
from .sameness import is_same

OVERHEAD_BYTES: Final = 150
"""What a backend spends on an entry beside its key and value: pointers, expiry, rounding."""
_PLAIN: Final = re.compile(r"[^\x00-\x20\x7f]+")
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_PLAIN_LENGTH: Final = 240


class Store:
    """One cache alias, through Django's cache interface."""

    tells_time_left: ClassVar[bool] = False
    """Whether `time_left_s` can answer."""
    batch_keys: ClassVar[int] = 1000
    """How many entries are best written at once; the server does nothing else meanwhile."""
    max_value_bytes: int | None = None
    slack_s: ClassVar[float] = SLACK_S
    """By how much a time left may be off."""
    may_be_asked_apart: bool = False
    """Whether another thread, with connections of its own, may look for keys as the backend has them."""
    needs_value: ClassVar[bool] = True
    """Whether writing or verifying needs the value itself beside its encoded form."""

    def __init__(self, alias: str, cache: BaseCache) -> None:
        self.alias = alias
        self.cache: Any = cache
        self._heads: dict[int | str | None, str | None] = {}
        # Django's own check only warns, of keys that Memcached would refuse: none of our business on other backends.
        self._validates = type(cache).validate_key is not BaseCache.validate_key

    def make(self, key: str, version: int | str | None) -> str:
        """The key as the backend has it.

        Raises:
            InvalidCacheKey: the backend would refuse it.
        """
        if version not in self._heads:
            self._heads[version] = common_head(self.cache, key, version)
        head = self._heads[version]
        made: str = self.cache.make_key(key, version) if head is None else head + key
        if self._validates and not (len(made) <= _PLAIN_LENGTH and _is_plain(made)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CacheKeyWarning)
                self.cache.validate_key(made)
        return made

    def makes_plainly(self, key: str) -> bool:
        """Whether the key is made as Django itself does it, so that it is the same in any thread at any time."""
        return common_head(self.cache, key, None) is not None

    def make_many(self, keys: Sequence[str], version: int | str | None) -> list[str] | None:
        """`make` for many keys at once; ``None`` where one of them needs a look of its own, or is no text."""
        try:
            head = common_head(self.cache, keys[0], version)
            made = [self.make(key, version) for key in keys] if head is None else list(map(head.__add__, keys))
        except (InvalidCacheKey, TypeError):
            return None
        return made if all(keys) and self._takes_all(made) else None

    def _takes_all(self, made: Sequence[str]) -> bool:
        return not self._validates or (longest(made) <= _PLAIN_LENGTH and _is_plain("".join(made)))

    def lifetime_s(self, timeout: float | None) -> float | None:
        """How long the backend will really keep an entry of this timeout, in seconds; 0 is not at all."""
        return timeout

    def encode(self, item: Item) -> None:
        """Fill in ``data`` and ``size_bytes`` from the value; may raise whatever its pickling raises."""
        item.data = None
        item.size_bytes = len(item.made) + len(pickle.dumps(item.value)) + OVERHEAD_BYTES

    def as_read(self, item: Item) -> Any:
        """What readers will get of an encoded item; may raise whatever its unpickling raises."""
        return pickle.loads(pickle.dumps(item.value))  # noqa: S301 - made here

    def present(self, items: Sequence[Item]) -> set[int]:
        """Which items have a live entry already, by index."""
        found: set[int] = set()
        for version, members in _by_version(items).items():
            there = self._read(members, version)
            found.update(index for index, item in members.items() if item.key in there)
        return found

    def missing(self, keys: Sequence[str], version: int | str | None, made: Sequence[str]) -> Sequence[int]:
        """Which keys have no live entry, by index; for many keys, nearly all of which have one.

        Args:
            keys: all different.
            version: of all.
            made: the same keys as the backend has them.
        """
        there = self.present(list(map(Item.asked, keys, repeat(version), made)))
        return [index for index in range(len(made)) if index not in there]

    def values(self, items: Sequence[Item]) -> dict[int, Any]:
        """What readers would get, by index; what is not there, or cannot be read, is left out."""
        if (stored := self.stored([item.made for item in items])) is not None:
            return readable(enumerate(stored), self.decoded)
        found: dict[int, Any] = {}
        for version, members in _by_version(items).items():
            there = stores.read_back(self.cache, [item.key for item in members.values()], version).values
            found.update((index, there[item.key]) for index, item in members.items() if item.key in there)
        return found

    def stored(self, made: Sequence[str]) -> Sequence[Stored | None] | None:  # noqa: ARG002 - for subclasses
        """What lies there under keys as the backend has them; ``None`` from stores that do not show it."""
        return None

    def decoded(self, stored: Stored) -> Any:
        """The value, as the backend's readers get it; may raise whatever its unpickling raises."""
        raise NotImplementedError

    def write(self, items: Sequence[Item], *, overwrite: bool) -> Problems:
        """Store them; live entries stand unless ``overwrite``. Gives `Finding.TAKEN` and `Finding.REFUSED`."""
        return self._overwrite(items) if overwrite else self._add(items)

    def _overwrite(self, items: Sequence[Item]) -> Problems:
        problems: Problems = {}
        groups: dict[Any, dict[int, Item]] = defaultdict(dict)
        for index, item in enumerate(items):
            groups[item.version, item.timeout_s][index] = item
        for (version, timeout_s), members in groups.items():
            values = {item.key: item.value for item in members.values()}
            refused = set(self.cache.set_many(values, timeout=timeout_s, version=version) or ())
            for index, item in members.items():
                if item.key in refused:
                    problems[index] = (Finding.REFUSED, "the backend refused it")
        return problems

    def _add(self, items: Sequence[Item]) -> Problems:
        return {
            index: (Finding.TAKEN, "")
            for index, item in enumerate(items)
            # A client that swallows errors says False too: the read-back tells the one from the other.
            if not self.cache.add(item.key, item.value, timeout=item.timeout_s, version=item.version)
            and self.cache.has_key(item.key, version=item.version)
        }

    def delete(self, items: Sequence[Item]) -> None:
        """Take them out again."""
        for version, members in _by_version(items).items():
            self.cache.delete_many([item.key for item in members.values()], version=version)

    def verify(self, items: Sequence[Item], elapsed_s: float) -> Problems:
        """Read everything back and compare it, time left included where the backend can tell.

        Args:
            items: as they were written.
            elapsed_s: how long ago the first of them was written, at most.
        """
        problems: Problems = {}
        for version, members in _by_version(items).items():
            found = stores.read_back(self.cache, [item.key for item in members.values()], version)
            for index, item in members.items():
                if item.key in found.unreadable:
                    problems[index] = (Finding.UNREADABLE, found.unreadable[item.key])
                elif item.key not in found.values:
                    problems[index] = (Finding.MISSING, "")
                elif not is_same(found.values[item.key], item.value):
                    problems[index] = (Finding.DIFFERENT, "")
        return self._with_wrong_times(items, problems, elapsed_s) if self.tells_time_left else problems

    def _with_wrong_times(self, items: Sequence[Item], problems: Problems, elapsed_s: float) -> Problems:
        for index, left_s in enumerate(self.time_left_s(items)):
            wrong = wrong_time(items[index].timeout_s, left_s, elapsed_s, self.slack_s)
            if wrong and index not in problems:
                problems[index] = wrong
        return problems

    def time_left_s(self, items: Sequence[Item]) -> Sequence[float | Gone | None]:
        """How long each entry has to live; ``None`` never ends, `GONE` is not there. For stores that can tell."""
        raise NotImplementedError

    def room(self, *, tidies: bool = False) -> Room:  # noqa: ARG002 - for subclasses
        """What fits in without anything that lives being thrown out.

        Args:
            tidies: whether to clear away first what has expired, where the backend leaves that to its users.
        """
        return Room()

    def recover(self) -> None:
        """Called before what failed is tried again."""

    def close(self) -> None:
        """Give back what only this store uses; the cache itself stays open."""

    def _read(self, members: Mapping[int, Item], version: Any) -> Mapping[str, Any]:
        found: dict[str, Any] = self.cache.get_many([item.key for item in members.values()], version=version)
        return found


def _by_version(items: Iterable[Item]) -> dict[Any, dict[int, Item]]:
    groups: dict[Any, dict[int, Item]] = defaultdict(dict)
    for index, item in enumerate(items):
        groups[item.version][index] = item
    return groups


def is_own(instance: object, base: type, *names: str) -> bool:
    """Whether the instance's class has these methods as ``base`` defines them, so that we know what they do."""
    return isinstance(instance, base) and all(
        getattr(type(instance), name) is getattr(base, name) and name not in vars(instance) for name in names
    )


def _is_plain(text: str) -> bool:
    if text.isascii():
        return not text.encode("ascii").translate(None, _VISIBLE)  # as the pattern, in a fraction of the time
    return _PLAIN.fullmatch(text) is not None


Factory: TypeAlias = Callable[[str, Any], Store | None]
"""Gives the store for an alias and its cache, or ``None`` when it is not of its kind."""
