"""Many entries at a time by nothing but their keys, so that a store can be asked for all of them before any is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from django_hooks import stores

from .base import UNSET, CacheEntry, Timeout, Warmer

if TYPE_CHECKING:
    from django_hooks.backends import Store

_T = TypeVar("_T")

_MOST: Final = 2_000
_LONGEST_S: Final = 0.2


@dataclass(slots=True, kw_only=True)
class KeyBatch:
    """Entries of a warmer that follow each other, and agree in all but key, value and source."""

    keys: Sequence[str] | None
    """The keys of the entries, in their order; ``None`` where each entry has to be looked at."""
    make: Callable[[], Iterable[CacheEntry]]
    """Gives the entries themselves; called only when some of them are to be written."""
    version: int | str | None = None
    alias: str = ""
    """Empty is the warmer's."""
    timeout: Timeout = UNSET
    """The shortest one among the entries; `UNSET` is the warmer's."""
    weight: float = 1
    """Of each entry."""
    ends_early: Callable[[], bool] = lambda: False
    """Whether `make` has given fewer entries than there are keys because nothing more is wanted."""
    are_sound: Callable[[Store], bool] | None = None
    """Whether all of the entries are there, and none is outdated: what can be said of all together need not be asked of
    each. It must not use a database, for it may be called in another thread."""


def has_key_batches(warmer: Warmer) -> bool:
    """Whether the warmer's entries come as batches of keys too.

    A subclass that replaces ``entries`` and not ``key_batches`` has said what it wants to be warmed.
    """
    for owner in (warmer, *type(warmer).__mro__):
        if "key_batches" in vars(owner):
            return owner is not Warmer
        if "entries" in vars(owner):
            return False
    return False


def chunked(items: Iterable[_T]) -> Iterator[list[_T]]:
    """The items in lists of up to 2,000, of fewer when they come slowly; what comes before an error is not lost."""
    iterator = iter(items)
    error: BaseException | None = None
    while error is None:
        chunk: list[_T] = []
        ends_at_s = time.monotonic() + _LONGEST_S
        try:
            for item in iterator:
                chunk.append(item)
                if len(chunk) >= _MOST or time.monotonic() >= ends_at_s:
                    break
            else:
                error = StopIteration()
        except stores.RAISED as raised:  # raised in its place, behind what came before it
            error = raised
        if chunk:
            yield chunk
    if not isinstance(error, StopIteration):
        raise error
