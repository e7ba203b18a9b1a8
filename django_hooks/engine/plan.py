"""From what a warmer yields to what can be written: every wrong entry is named, and none stops the others."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import BaseCache, CacheKeyWarning, InvalidCacheBackendError, InvalidCacheKey, caches

from django_hooks import stores
from django_hooks.warmers.base import UNSET, CacheEntry, Timeout, Unset, Warmer
from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.traces import KeyKind


@dataclass(slots=True, kw_only=True)
class Planned:
    """One key on its way; `outcome` says how it ended once something is known."""

    warmer: str
    key: str
    alias: str
    version: int | str | None
    timeout: Timeout
    entry: CacheEntry
    cache: BaseCache = field(repr=False)
    value: Any = UNSET
    outcome: Outcome | None = None

    def end(self, result: Result, reason: str = "", detail: str = "", *, cacheable: bool = True) -> None:
        """Note how it ended; the first word stands."""
        if self.outcome is None:
            state = KeyState(alias=self.alias, key=self.key, version=self.version, kind=KeyKind.PART, result=result)
            self.outcome = Outcome(
                url=f"{self.warmer}:{self.key}",
                result=result,
                reason=reason,
                detail=detail,
                weight=1,
                cacheable=cacheable,
                keys=(state,),
            )


def failure(name: str, reason: str, detail: str, key: str = "*") -> Outcome:
    """An outcome for something that never became a planned key; ``*`` stands for a warmer's remaining entries."""
    return Outcome(url=f"{name}:{key}", result=Result.FAILED, reason=reason, detail=detail, weight=1)


def plan_entry(warmer: Warmer, entry: Any) -> Planned | Outcome:
    """The entry with the warmer's defaults filled in, or the outcome that says what is wrong with it."""
    if not isinstance(entry, CacheEntry):
        return failure(warmer.name, "bad-entry", f"yielded {type(entry).__name__} instead of CacheEntry", "?")
    if problem := _problem(entry):
        return failure(warmer.name, "bad-entry", problem, _key_text(entry.key))
    alias = entry.alias or warmer.alias
    timeout = warmer.timeout if entry.timeout is UNSET else entry.timeout
    try:
        cache = caches[alias]
        _validate_key(cache, entry)
    except InvalidCacheBackendError:
        return failure(warmer.name, "bad-entry", f"no cache has the alias {alias!r}", entry.key)
    except InvalidCacheKey as error:
        return failure(warmer.name, "bad-entry", stores.describe(error), entry.key)
    except Exception as error:  # noqa: BLE001 - a backend's constructor or key function may raise anything; reported
        return failure(warmer.name, "backend-error", stores.describe(error), entry.key)
    return Planned(
        warmer=warmer.name,
        key=entry.key,
        alias=alias,
        version=entry.version,
        timeout=timeout,
        entry=entry,
        cache=cache,
        value=entry.value,
    )


def _problem(entry: CacheEntry) -> str:
    if entry.problem:
        return entry.problem
    if _key_text(entry.key) == "?":
        return f"the key must be text and not empty, is {entry.key!r}"[:120]
    if (entry.value is UNSET) == (entry.compute is None):
        return "needs either a value or a compute"
    if entry.compute is not None and not callable(entry.compute):
        return f"compute must be callable, is {type(entry.compute).__name__}"
    return _timeout_problem(entry.timeout)


def _timeout_problem(timeout: object) -> str:
    if timeout is None or isinstance(timeout, Unset):
        return ""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not math.isfinite(timeout) or timeout < 0:
        return f"the timeout must be None or seconds from 0, is {timeout!r}"[:120]
    return ""


def _key_text(key: object) -> str:
    return key if isinstance(key, str) and key else "?"


def _validate_key(cache: BaseCache, entry: CacheEntry) -> None:
    with warnings.catch_warnings():
        # A key that only Memcached would refuse is none of our business on another backend.
        warnings.simplefilter("ignore", CacheKeyWarning)
        cache.validate_key(cache.make_key(entry.key, entry.version))  # type: ignore[arg-type] # as in stores.py


def is_never_stored(planned: Planned) -> bool:
    """Whether the application's own timeout says that the value is not kept at all."""
    timeout = planned.cache.default_timeout if planned.timeout is UNSET else planned.timeout
    return isinstance(timeout, int | float) and timeout <= 0
