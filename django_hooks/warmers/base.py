"""What a warmer is, and what it yields. Data only: `django_hooks.engine` does the work."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from url_manifests.errors import CacheWarmingError

if TYPE_CHECKING:
    from .key_batches import KeyBatch


class Unset(Enum):
    """Tells "not given" from ``None``, which is a value and a timeout of its own."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET

Timeout: TypeAlias = float | Unset | None
"""Seconds as the application gives them; ``None`` never expires, 0 is never stored, `UNSET` is the alias's default."""


class Category(StrEnum):
    """What kind of thing a warmer fills; runs can be limited to some."""

    SESSIONS = "sessions"
    """Signed-in visitors' sessions, of the engine ``cached_db``."""
    PERMISSIONS = "permissions"
    """What users and groups may do."""
    ROWS = "rows"
    """Rows that many pages read."""
    FRAGMENTS = "fragments"
    """Template fragments, the ``{% cache %}`` tag."""
    COMPUTED = "computed"
    """Aggregates, reports and everything else that is computed."""


class BadEntryError(CacheWarmingError):
    """Raised by an entry's `compute` that finds out what `CacheEntry.problem` is for; the text is the problem."""


@dataclass(slots=True, kw_only=True)
class CacheEntry:
    """One key to be warm: exactly as the application itself reads and writes it.

    Not frozen, which would make each of a million of them slower to create; nobody changes one all the same.
    """

    key: str
    value: Any = UNSET
    """What to store, where it is at hand; otherwise give `compute`."""
    compute: Callable[[], Any] | None = None
    """Called only when the key is not there already; may be ``async``."""
    evaluate: Callable[[], int] | None = None
    """In place of both, for what is not ours to write, such as a query under a query cache: does what the application
    does, and returns how many queries that took. 0 at once is warm already; 0 when it is called again, stored."""
    source: Any = None
    """What `Warmer.compute_many` needs to know, such as a primary key; for warmers that compute in bulk."""
    timeout: Timeout = UNSET
    """`UNSET` is the warmer's."""
    version: int | str | None = None
    alias: str = ""
    """Empty is the warmer's."""
    weight: float = 1
    """How much this entry counts in the report's coverage: expected reads, where they are known."""
    problem: str = ""
    """Why this entry cannot be warmed, where the warmer itself finds out; reported, and the others go on."""


class Warmer:
    """Fills one group of keys. Subclass it and decorate the subclass with `register`, or decorate a function.

    The iterator may be long: entries are taken in batches, and are forgotten when their batch is done.
    """

    name: ClassVar[str] = ""
    """By which ``--only`` and ``--exclude`` choose it; unique in the project."""
    category: ClassVar[str] = Category.COMPUTED
    priority: ClassVar[int] = 0
    """Higher goes first; a run that is cut short has warmed the most valuable part."""
    alias: ClassVar[str] = "default"
    timeout: ClassVar[Timeout] = UNSET
    """The timeout that the application gives these keys."""
    depends_on: ClassVar[Sequence[str]] = ()
    """Names of warmers that have to be done before this one begins."""
    routes: ClassVar[Sequence[str]] = ()
    """Shell patterns of the routes whose pages read these keys, as the admin's observed traffic shows them; strategies
    with ``usage`` warm first what was asked for most."""
    refresh_extends: ClassVar[bool] = False
    """Whether ``--refresh`` gives live entries the whole timeout again; otherwise they keep the life they have left."""
    secret_keys: ClassVar[bool] = False
    """Whether a key lets somebody in, as a session's does: then a digest stands for it in reports, outcome files, logs
    and all output."""
    computes_in_bulk: ClassVar[bool] = False
    """Whether entries have neither value nor compute, but a source that `compute_many` is given."""

    def compute_many(self, entries: Sequence[CacheEntry]) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """The values of entries that are not in the cache, by key; called with a batch at a time, may be ``async``.

        A key that is left out is gone (its row was deleted meanwhile), which is no failure. An exception in place of
        a value says what is wrong with that entry, and the others go on.
        """
        raise NotImplementedError

    def changed_meanwhile(self, entries: Sequence[CacheEntry], values: Mapping[str, Any]) -> Iterable[str]:  # noqa: ARG002 - for subclasses
        """Of entries that were just written, the keys whose source has changed since their values were computed.

        They are deleted again: a value that was right when it was computed must not outlive a logout, or a saved row,
        that came between.
        """
        return ()

    def outdated(self, entries: Sequence[CacheEntry]) -> Collection[str]:  # noqa: ARG002 - for warmers that can tell
        """The keys of those whose value is in the cache, but would not be used by the application any more.

        Asked only for entries that are there; what it names is computed and written as if it were not.
        """
        return ()

    def entries(self) -> Iterable[CacheEntry] | AsyncIterable[CacheEntry]:
        """What to warm, most valuable first; with ``--mode async`` it may be an asynchronous generator."""
        raise NotImplementedError

    def key_batches(self) -> Iterable[KeyBatch]:
        """The same entries, in the same order, as batches of keys; for warmers of so many that few should be made.

        A run that finds all keys of a batch in the cache makes none of its entries. See `KeyBatch`.
        """
        raise NotImplementedError

    def count(self) -> int | None:
        """How many entries there will be, where one query can tell; for the bar's time left."""
        return None


class FunctionWarmer(Warmer):
    """A generator function that was decorated with `register`."""

    def __init__(self, function: Callable[[], Iterable[CacheEntry] | AsyncIterable[CacheEntry]]) -> None:
        self._function = function

    def entries(self) -> Iterable[CacheEntry] | AsyncIterable[CacheEntry]:
        return self._function()


def backend_timeout(timeout: Timeout) -> Any:
    """The value for a backend's ``timeout=``, which spells the alias's default with an object of its own."""
    return DEFAULT_TIMEOUT if timeout is UNSET else timeout
