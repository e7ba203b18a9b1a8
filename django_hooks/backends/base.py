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
from enum import Enum, StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from django.core.cache import BaseCache, CacheKeyWarning

from django_hooks import stores

from .room import Room
from .sameness import is_same

OVERHEAD_BYTES: Final = 150
"""What a backend spends on an entry beside its key and value: pointers, expiry, rounding."""
_PLAIN_KEY: Final = re.compile(r"[^\x00-\x20\x7f]{1,240}")


class Finding(StrEnum):
    """What is wrong with one key after it was written, or read back."""

    TAKEN = "taken"
    """Somebody else's live value was there first, and was left alone."""
    REFUSED = "refused"
    """The backend said no."""
    MISSING = "missing"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    TIMEOUT = "timeout"
    """It lives for another time than it was given."""


Problems: TypeAlias = dict[int, tuple[Finding, str]]
"""Index of an item → what is wrong with it, and a detail for people."""


class Gone(Enum):
    """Tells "not there" from ``None``, which is an entry that never ends."""

    GONE = "gone"


GONE: Final = Gone.GONE


class Item:
    """One key on its way to a store."""

    __slots__ = ("data", "flags", "key", "made", "size_bytes", "timeout_s", "value", "version")

    key: str
    version: int | str | None
    made: str
    """The key as the backend has it, with prefix and version."""
    timeout_s: float | None
    """As the backend keeps it; ``None`` never ends."""
    value: Any
    data: bytes | None
    """What the store will hold, byte for byte, where we write that ourselves."""
    flags: int
    """What Memcached keeps beside the bytes, to tell how they are encoded."""
    size_bytes: int
    """What the entry will take of the store, estimated from above."""

    @classmethod
    def of(cls, store: Store, key: str, version: int | str | None) -> Item:
        """An item to ask for: nothing but a key."""
        item = Item()
        item.key, item.version, item.made = key, version, store.make(key, version)
        return item


class Store:
    """One cache alias, through Django's cache interface."""

    tells_time_left: ClassVar[bool] = False
    """Whether `time_left_s` can answer."""
    max_value_bytes: int | None = None
    slack_s: ClassVar[float] = 1.5
    """By how much a time left may be off: some backends count whole seconds, and round either way."""
    needs_value: ClassVar[bool] = True
    """Whether writing or verifying needs the value itself beside its encoded form."""

    def __init__(self, alias: str, cache: BaseCache) -> None:
        self.alias = alias
        self.cache: Any = cache
        # Django's own check only warns, of keys that Memcached would refuse: none of our business on other backends.
        self._validates = type(cache).validate_key is not BaseCache.validate_key

    def make(self, key: str, version: int | str | None) -> str:
        """The key as the backend has it.

        Raises:
            InvalidCacheKey: the backend would refuse it.
        """
        made: str = self.cache.make_key(key, version)
        if self._validates and not _PLAIN_KEY.fullmatch(made):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CacheKeyWarning)
                self.cache.validate_key(made)
        return made

    def lifetime_s(self, timeout: float | None) -> float | None:
        """How long the backend will really keep an entry of this timeout, in seconds; 0 is not at all."""
        return timeout

    def encode(self, item: Item) -> None:
        """Fill in ``data`` and ``size_bytes`` from the value; may raise whatever its pickling raises."""
        item.data = None
        item.size_bytes = len(item.made) + len(pickle.dumps(item.value)) + OVERHEAD_BYTES

    def present(self, items: Sequence[Item]) -> set[int]:
        """Which items have a live entry already, by index."""
        found: set[int] = set()
        for version, members in _by_version(items).items():
            there = self._read(members, version)
            found.update(index for index, item in members.items() if item.key in there)
        return found

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


def wrong_time(
    timeout_s: float | None, left_s: float | Gone | None, elapsed_s: float, slack_s: float = Store.slack_s
) -> tuple[Finding, str] | None:
    """The finding for a time left that the timeout does not explain, if so."""
    if isinstance(left_s, Gone):
        # It was there a moment ago: nothing is wrong when its life was short.
        return None if timeout_s is not None and timeout_s <= elapsed_s + 1 else (Finding.MISSING, "")
    if timeout_s is None and left_s is None:
        return None
    if timeout_s is not None and left_s is not None and -slack_s - elapsed_s <= left_s - timeout_s <= slack_s:
        return None
    return Finding.TIMEOUT, f"given {_seconds(timeout_s)}, has {_seconds(left_s)} left"


def _seconds(seconds: float | None) -> str:
    return "no end" if seconds is None else f"{seconds:.0f} s"


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


Factory: TypeAlias = Callable[[str, Any], Store | None]
"""Gives the store for an alias and its cache, or ``None`` when it is not of its kind."""
