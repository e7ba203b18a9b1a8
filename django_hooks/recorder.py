"""What one request did to the caches: notes each call, and folds the calls on a key into one event.

Pure book-keeping: it knows neither backends nor requests. `django_hooks.taps` writes into it, `django_hooks.trace`
reads it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from threading import Lock
from typing import Final, NamedTuple

from url_manifests.traces import HEADER_LIST_PREFIX, KeyEvent, KeyKind

MAX_KEYS: Final = 2_000
"""Keys remembered for one request; far more than a trace can carry, far less than what would hurt the worker."""

PAGE_BODY_PREFIX: Final = "views.decorators.cache.cache_page."
"""How ``django.utils.cache`` begins the keys of pages, in every Django that is supported (a test holds it). Those of
their lists of headers begin with `url_manifests.traces.HEADER_LIST_PREFIX`."""


class KeyId(NamedTuple):
    """One key of one alias, as the application addressed it."""

    alias: str
    key: str
    version: int | str | None

    @property
    def kind(self) -> KeyKind:
        return KeyKind.PAGE if self.key.startswith((PAGE_BODY_PREFIX, HEADER_LIST_PREFIX)) else KeyKind.PART


class First(Enum):
    """What the first call on a key was."""

    HIT = auto()
    MISS = auto()
    WRITE = auto()
    CLAIM = auto()
    """``add()`` that was refused: somebody else's value is there, or the backend would not take this one."""


@dataclass(slots=True)
class _History:
    first: First | None = None
    written: bool = False
    deleted: bool = False
    counted: bool = False
    timeout_s: float | None = None
    """Of the last write; ``None`` for ever, or never written."""


class Recorder:
    """Notes of one request. Threads of the same request may note at the same time."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._histories: dict[KeyId, _History] = {}
        self._max_keys = max_keys
        self._lock = Lock()
        self.omitted = 0
        """Calls on keys beyond ``max_keys``."""
        self.errors: Counter[str] = Counter()
        """Alias → calls in which its backend raised; the application saw the exceptions."""
        self.unreachable: set[str] = set()
        """Aliases whose backend raised what an outage looks like, be it over since or not."""

    def lookup(self, key: KeyId, *, found: bool) -> None:
        """The key was read, and was there or not."""
        self._note(key, First.HIT if found else First.MISS)

    def write(self, key: KeyId, *, first: First = First.WRITE, timeout_s: float | None = None) -> None:
        """A value was handed to the backend; whether it has it is for a read-back to say."""
        self._note(key, first, written=True)
        if (history := self._histories.get(key)) is not None:
            history.timeout_s = timeout_s

    def count(self, key: KeyId) -> None:
        """A counter was moved; it matters to nobody whether it was there."""
        self._note(key, First.WRITE, counted=True)

    def delete(self, key: KeyId) -> None:
        self._note(key, None, deleted=True)

    def clear(self, alias: str) -> None:
        """All keys of an alias were deleted."""
        for key in [key for key in self._histories if key.alias == alias]:
            self.delete(key)

    def error(self, alias: str, *, is_outage: bool) -> None:
        """A call raised; the application sees the exception."""
        with self._lock:
            self.errors[alias] += 1
            if is_outage:
                self.unreachable.add(alias)

    def _note(
        self, key: KeyId, first: First | None, *, written: bool = False, counted: bool = False, deleted: bool = False
    ) -> None:
        with self._lock:
            history = self._histories.get(key)
            if history is None:
                # The page's own keys are two or three, come last, and decide most: there is always room for them.
                if len(self._histories) >= self._max_keys and key.kind is not KeyKind.PAGE:
                    self.omitted += 1
                    return
                history = self._histories[key] = _History()
            history.first = history.first or first
            history.written = history.written or written
            history.counted = history.counted or counted
            history.deleted = deleted or (history.deleted and not written)

    def given(self) -> list[KeyId]:
        """The keys whose values the request was given by a cache, and left there as they were."""
        return [k for k, h in self._histories.items() if h.first is First.HIT and not (h.written or h.deleted)]

    def written(self) -> list[KeyId]:
        """The keys that the request left with a value of its own."""
        return [k for k, h in self._histories.items() if h.written and not (h.deleted or h.counted)]

    def shortest_timeout_s(self, kind: KeyKind | None = None) -> float | None:
        """The least time that anything it wrote, of this kind, will live; ``None`` when there is no end, or nothing."""
        keys = (key for key in self.written() if kind in (None, key.kind))
        return min((t for key in keys if (t := self._histories[key].timeout_s) is not None), default=None)

    def unproven(self) -> list[KeyId]:
        """The keys whose event depends on whether the backend has them now."""
        return [key for key, history in self._histories.items() if _needs_proof(key, history)]

    def events(self, present: Collection[KeyId]) -> Iterator[tuple[KeyId, KeyEvent]]:
        """Each key's event; ``present`` are those of `unproven` that were read back. Page keys come first.

        A key that was made and deleted again, such as a lock, left nothing and is left out.
        """
        histories = sorted(self._histories.items(), key=lambda item: item[0].kind is not KeyKind.PAGE)
        for key, history in histories:
            if (event := _event(key, history, key in present)) is not None:
                yield key, event


def _needs_proof(key: KeyId, history: _History) -> bool:
    if not history.written or history.deleted or history.counted:
        return False
    return history.first is not First.WRITE or key.kind is KeyKind.PAGE


def _event(key: KeyId, history: _History, is_present: bool) -> KeyEvent | None:  # noqa: FBT001 - a fact, not a mode
    if history.deleted:
        if history.first is First.HIT or (history.first is First.MISS and not history.written):
            return KeyEvent.MISS
        return None
    if history.counted:
        return KeyEvent.WRITTEN
    if _needs_proof(key, history):
        if not is_present:
            return KeyEvent.LOST
        return KeyEvent.HIT if history.first in (First.HIT, First.CLAIM) else KeyEvent.STORED
    return {First.HIT: KeyEvent.HIT, First.MISS: KeyEvent.MISS}.get(history.first or First.WRITE, KeyEvent.WRITTEN)
