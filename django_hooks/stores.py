"""What can be known about a cache alias from outside: whether others see its store, and what is in it right now."""

from __future__ import annotations

from asyncio import CancelledError
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, TypeVar

from django.conf import settings
from django.core.cache import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.utils.module_loading import import_string

from .outages import is_passing

_T = TypeVar("_T")

READ_BATCH: Final = 50
"""Keys in one read: page entries can be hundreds of kilobytes, and a batch of them is in memory at once."""
MAX_FAILURES_IN_A_ROW: Final = 3
"""After so many single reads that failed, a store is taken for dead; the rest of the keys is not tried."""

RAISED: Final = (Exception, CancelledError, SystemExit)
"""What a project's code may raise that costs its own entry, and not the run. Ctrl-C is meant for the run."""

NOT_TRIED: Final = "not tried: the store does not answer"


def keeps_to_itself(cache: BaseCache) -> bool:
    """Whether only this process can see the store (LocMem), or nothing is kept (Dummy)."""
    return isinstance(cache, LocMemCache | DummyCache)


def alias_backends() -> dict[str, str]:
    """Cache alias → dotted path of its backend, as configured."""
    return {alias: str(options.get("BACKEND", "")) for alias, options in settings.CACHES.items()}


def private_aliases() -> frozenset[str]:
    """The aliases whose store `keeps_to_itself`, found without connecting to any."""
    return frozenset(alias for alias, path in alias_backends().items() if _is_private_backend(path))


def _is_private_backend(path: str) -> bool:
    try:
        backend = import_string(path)
    except ImportError:
        return False  # Django itself complains about it, with the reason, when the alias is used.
    return isinstance(backend, type) and issubclass(backend, LocMemCache | DummyCache)


@dataclass(slots=True)
class ReadBack:
    """What a store had when it was asked for some keys."""

    values: dict[str, Any] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Key → why it could not be read; such a key is neither there nor known to be gone."""
    errors: Counter[str] = field(default_factory=Counter)
    """Exceptions of the backend by class."""
    is_unreachable: bool = False
    """Whether one of them is what an outage looks like."""
    failures_in_a_row: int = 0

    def failed(self, error: Exception) -> None:
        self.errors[type(error).__name__] += 1
        self.is_unreachable |= is_passing(error)

    @property
    def gave_up(self) -> bool:
        """Whether the store was taken for dead."""
        return self.failures_in_a_row >= MAX_FAILURES_IN_A_ROW


def read_back(cache: BaseCache, keys: Iterable[str], version: int | str | None = None) -> ReadBack:
    """Read ``keys`` in bounded batches; an exception of the backend is counted and never raised.

    When a batch fails, its keys are read one by one: a single value that cannot be unpickled must not make the others
    unknown. A dead server is given up after `MAX_FAILURES_IN_A_ROW`.
    """
    result = ReadBack()
    for batch in batches(keys, READ_BATCH):
        if not result.gave_up:
            try:
                result.values.update(_get_many(cache, batch, version))
                continue
            except Exception as error:  # noqa: BLE001 - a backend or an unpickled class may raise anything; counted
                result.failed(error)
        for key in batch:
            _read_one(cache, key, version, result)
    return result


def _read_one(cache: BaseCache, key: str, version: int | str | None, result: ReadBack) -> None:
    if result.gave_up:
        result.unreadable[key] = NOT_TRIED
        return
    try:
        result.values.update(_get_many(cache, [key], version))
        result.failures_in_a_row = 0
    except Exception as error:  # noqa: BLE001 - as above; the key is reported with the reason
        result.unreadable[key] = describe(error)
        result.failed(error)
        result.failures_in_a_row += 1


def _get_many(cache: BaseCache, keys: list[str], version: int | str | None) -> dict[str, Any]:
    # Django types a version as int; its key function formats whatever it is given, and sites use text too.
    return dict(cache.get_many(keys, version=version))  # type: ignore[arg-type]


def describe(error: BaseException) -> str:
    """An exception as one short line for a report."""
    try:
        text = printable(" ".join(str(error).split()))
    except RAISED:
        text = ""  # what it raises in its own __str__ is not what happened
    return f"{type(error).__name__}: {text}"[:160] if text else type(error).__name__


def is_encodable(text: str) -> bool:
    """Whether it is text that can be written anywhere: half of a surrogate pair cannot."""
    return text.isascii() or printable(text) == text


def are_encodable(texts: Sequence[str]) -> bool:
    """`is_encodable` of all of many texts."""
    return all(map(str.isascii, texts)) or all(map(is_encodable, texts))


def printable(text: str) -> str:
    """The text with each half of a surrogate pair escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Consecutive slices of at most ``size`` items."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
