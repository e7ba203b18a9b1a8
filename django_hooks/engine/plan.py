"""From what a warmer yields to what can be written: every wrong entry is named, and none stops the others."""

from __future__ import annotations

import math
from typing import Any

from django.core.cache import InvalidCacheBackendError, InvalidCacheKey

from django_hooks import stores
from django_hooks.backends import Item, Store, open_store
from django_hooks.warmers.base import UNSET, CacheEntry, Timeout, Unset, Warmer
from django_hooks.warmers.secret_keys import digest_of, secrets_of, withheld
from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.traces import KeyKind


class Planned(Item):
    """One key on its way; ``result`` says how it ended once something is known.

    No dataclass, and one object a key: a million of them go through a run.
    """

    __slots__ = (
        "cacheable",
        "detail",
        "entry",
        "is_asked",
        "is_secret",
        "overwrites",
        "reason",
        "result",
        "store",
        "timeout",
        "warmer",
    )

    def __init__(self, warmer: Warmer, entry: CacheEntry, store: Store, made: str, timeout: Timeout) -> None:
        self.warmer = warmer.name
        self.is_secret = warmer.secret_keys
        self.entry = entry
        self.store = store
        self.key = entry.key
        self.version = entry.version
        self.made = made
        self.timeout = timeout
        """As the application gives it."""
        self.timeout_s = lifetime_s(store, timeout)
        self.value = entry.value
        self.data = None
        self.flags = 0
        self.is_asked = False
        """Whether the store was asked already whether the entry is there."""
        self.overwrites = False
        """Whether a live entry is to be replaced."""
        self.size_bytes = 0
        self.result: Result | None = None
        self.reason = ""
        self.detail = ""
        self.cacheable = True

    @property
    def alias(self) -> str:
        return self.store.alias

    @property
    def shown_key(self) -> str:
        """The key, or what stands for it where it is secret."""
        return digest_of(self.key) if self.is_secret else self.key

    @property
    def secrets(self) -> tuple[Any, ...]:
        """What no text may name."""
        return (*secrets_of(self.entry), self.made) if self.is_secret else ()

    def end(self, result: Result, reason: str = "", detail: str = "", *, cacheable: bool = True) -> None:
        """Note how it ended; the first word stands."""
        if self.result is None:
            self.result, self.reason, self.detail, self.cacheable = result, reason, detail, cacheable

    def end_like(self, other: Planned) -> None:
        """End as another entry of the same key did."""
        if other.result is not None:
            self.end(other.result, other.reason, other.detail, cacheable=other.cacheable)

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, for a report; made anew with each call."""
        if self.result is None:
            return None
        key, kind = self.shown_key, KeyKind.SECRET if self.is_secret else KeyKind.PART
        state = KeyState(alias=self.alias, key=key, version=self.version, kind=kind, result=self.result)
        return Outcome(
            url=f"{self.warmer}:{key}",
            result=self.result,
            reason=self.reason,
            detail=withheld(self.detail, *self.secrets),
            weight=self.entry.weight,
            cacheable=self.cacheable,
            keys=(state,),
        )


def failure(name: str, reason: str, detail: str, key: str = "*") -> Outcome:
    """An outcome for something that never became a planned key; ``*`` stands for a warmer's remaining entries."""
    return Outcome(url=f"{name}:{key}", result=Result.FAILED, reason=reason, detail=detail, weight=1)


class Planner:
    """Fills in a warmer's defaults; keeps the store of each alias for the run."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}

    def store(self, alias: str) -> Store:
        """The alias's store; may raise what its constructor raises."""
        if alias not in self._stores:
            self._stores[alias] = open_store(alias)
        return self._stores[alias]

    def known_store(self, alias: str) -> Store | None:
        """The alias's store; ``None`` where it cannot be had, which every entry will report."""
        try:
            return self.store(alias)
        except Exception:  # noqa: BLE001 - as it says
            return None

    def close(self) -> None:
        """Let go of the stores."""
        for store in self._stores.values():
            store.close()
        self._stores.clear()

    def plan(self, warmer: Warmer, entry: Any) -> Planned | Outcome:
        """The entry with the warmer's defaults filled in, or the outcome that says what is wrong with it."""
        if not isinstance(entry, CacheEntry):
            return failure(warmer.name, "bad-entry", f"yielded {type(entry).__name__} instead of CacheEntry", "?")
        timeout = warmer.timeout if entry.timeout is UNSET else entry.timeout
        if problem := _problem(warmer, entry, timeout):
            return _bad(warmer, entry, problem)
        alias = entry.alias or warmer.alias
        try:
            store = self._stores.get(alias) or self.store(alias)
            return Planned(warmer, entry, store, store.make(entry.key, entry.version), timeout)
        except InvalidCacheBackendError:
            return _bad(warmer, entry, f"no cache has the alias {alias!r}")
        except InvalidCacheKey as error:
            return _bad(warmer, entry, stores.describe(error))
        except Exception as error:  # noqa: BLE001 - a backend's constructor or key function may raise anything; reported
            return _bad(warmer, entry, stores.describe(error), "backend-error")


def _problem(warmer: Warmer, entry: CacheEntry, timeout: object) -> str:
    if entry.problem:
        return entry.problem
    if (
        type(entry.key) is str
        and entry.key
        and entry.key.isascii()
        and entry.compute is None
        and (entry.value is not UNSET or (warmer.computes_in_bulk and entry.evaluate is None))
        and ((type(timeout) is int and timeout >= 0) or timeout is UNSET or timeout is None)
        and entry.weight == 1
    ):
        return ""  # Nearly all are like this.
    if problem := _key_problem(entry.key):
        return problem
    if not 0 <= entry.weight < math.inf:
        return f"the weight must be a number from 0, is {entry.weight!r}"[:120]
    if (entry.compute is not None or entry.value is UNSET) and (problem := _source_problem(warmer, entry)):
        return problem
    return _timeout_problem(timeout)


def _key_problem(key: object) -> str:
    if not key or not isinstance(key, str):
        return f"the key must be text and not empty, is {key!r}"[:120]
    return "" if stores.is_encodable(key) else "half of a surrogate pair in the key is no character"


def _source_problem(warmer: Warmer, entry: CacheEntry) -> str:
    if entry.evaluate is not None:
        return "" if entry.compute is None and entry.value is UNSET else "needs no value where it has evaluate"
    if entry.compute is None:
        return "" if entry.value is not UNSET or warmer.computes_in_bulk else "needs either a value or a compute"
    if entry.value is not UNSET:
        return "needs either a value or a compute"
    compute: Any = entry.compute
    return "" if callable(compute) else f"compute must be callable, is {type(compute).__name__}"


def lifetime_s(store: Store, timeout: Timeout) -> float | None:
    """How long the store really keeps what has this timeout; ``None`` is for ever, 0 or less not at all."""
    given = store.cache.default_timeout if timeout is UNSET else timeout
    return store.lifetime_s(given) if given is not None else None


def is_a_timeout(timeout: object) -> bool:
    return not _timeout_problem(timeout)


def _timeout_problem(timeout: object) -> str:
    if timeout is None or isinstance(timeout, Unset):
        return ""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < math.inf:
        return f"the timeout must be None or seconds from 0, is {timeout!r}"[:120]
    return ""


def bad_entry(warmer: Warmer, key: str, problem: str, reason: str = "bad-entry") -> Outcome:
    """An outcome for a key of which no entry can be made."""
    return failure(warmer.name, reason, problem, digest_of(key) if warmer.secret_keys else stores.printable(key))


def _bad(warmer: Warmer, entry: CacheEntry, problem: str, reason: str = "bad-entry") -> Outcome:
    if warmer.secret_keys:
        problem = withheld(problem, *secrets_of(entry))
    key: object = entry.key
    return bad_entry(warmer, key if isinstance(key, str) and key else "?", problem, reason)


def is_never_stored(planned: Planned) -> bool:
    """Whether the timeout, as the backend counts it, says that the value is not kept at all."""
    return planned.timeout_s is not None and planned.timeout_s <= 0
