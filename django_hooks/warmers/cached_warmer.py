"""One definition for both sides: a view calls the function, and ``warm_cache`` warms it under the same key.

::

    @cached("shop.revenue", timeout=3600, variants=("EUR", "CHF"))
    def revenue(currency): ...

    revenue("EUR")               # from the cache; computed by one reader, when it is not there
    await revenue.aget("EUR")    # the same on an event loop; also for an ``async def``
    revenue.forget("EUR")        # when what it is made of has changed

A decorated function belongs into a module that ``warmers.py`` imports, or the warmer would not know of it. It is a
function, not a method: what it depends on are its arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import chain, starmap
from typing import Any, Final, ParamSpec, TypeVar, cast, overload

from django.conf import settings
from django.utils import translation

from .base import UNSET, CacheEntry, Category, Timeout, Warmer
from .cached_function import AsyncCached, Cached, Declaration, Many, Variants
from .declarations import check_cached, check_key
from .key_batches import KeyBatch, chunked
from .registry import registry

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

LOCK_S: Final = 30.0
_NO_KEY: Final = (TypeError, ValueError, LookupError, AttributeError)
"""What arguments may raise that no key can be made of."""


class _Decorator:
    """What ``cached(…)`` gives: takes a function, and registers it as a warmer where it is known what to warm."""

    def __init__(self, declaration: Declaration) -> None:
        check_cached(declaration)
        self._declaration = declaration

    @overload
    def __call__(self, function: Callable[P, Awaitable[T]]) -> AsyncCached[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Cached[P, R]: ...
    def __call__(self, function: Callable[P, Any]) -> Cached[P, Any]:
        kind = AsyncCached if inspect.iscoroutinefunction(function) else Cached
        made: Cached[P, Any] = kind(function, self._declaration)
        check_key(made.name, self._declaration.key, made.signature)
        if self._declaration.variants is not None or not _needs_arguments(made):
            registry.add(_warmer(made))
        return made


def _needs_arguments(made: Cached[Any, Any]) -> bool:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = made.signature.parameters.values()
    return any(p.default is p.empty and p.kind not in kinds for p in parameters)


class CachedWarmer(Warmer):
    """Warms a `Cached` function for its declared variants."""

    def __init__(self, target: Cached[Any, Any]) -> None:
        self.target = target
        self._function = target.function  # By which a duplicate's message names both places.

    def entries(self) -> Iterator[CacheEntry]:
        """One entry for each variant, and language where the function is kept by language."""
        return chain.from_iterable(batch.make() for batch in self.key_batches())

    def key_batches(self) -> Iterator[KeyBatch]:
        """The same, some variants at a time."""
        declared = self.target.declaration
        variants = declared.variants() if callable(declared.variants) else declared.variants
        languages = [code for code, _ in settings.LANGUAGES] if declared.per_language else [None]
        for chunk in chunked([()] if variants is None else variants):
            wanted = [(variant, language) for variant in chunk for language in languages]
            keys = self._keys(chunk, languages)
            yield KeyBatch(keys=keys, make=partial(starmap, self._entry, wanted), version=declared.version)

    def _keys(self, variants: Sequence[Any], languages: Sequence[str | None]) -> list[str] | None:
        try:
            is_simple = set(map(type, variants)) <= {int, str}
            arguments = [((variant,), {}) for variant in variants] if is_simple else list(map(_arguments, variants))
            by_language = []
            for language in languages:
                with _in_language(language):
                    by_language.append(self.target.keys(arguments))
        except _NO_KEY:
            return None  # The entry of that variant says what is wrong.
        return by_language[0] if len(languages) == 1 else list(chain.from_iterable(zip(*by_language, strict=True)))

    def compute_many(self, entries: Sequence[CacheEntry]) -> Mapping[str, Any]:
        """What the declared ``many`` gives, a call for each language."""
        many = self.target.declaration.many or dict
        values: dict[str, Any] = {}
        for language in dict.fromkeys(entry.source[1] for entry in entries):
            asked = {entry.source[0]: entry.key for entry in entries if entry.source[1] == language}
            with _in_language(language):
                found = many(list(asked))
            values |= {key: found[variant] for variant, key in asked.items() if variant in found}
        return values

    def _entry(self, variant: Any, language: str | None) -> CacheEntry:
        args, kwargs = _arguments(variant)

        def compute() -> Any:
            with _in_language(language):
                return self.target.compute(*args, **kwargs)

        try:
            with _in_language(language):
                key = self.target.key(*args, **kwargs)
        except _NO_KEY as error:
            return CacheEntry(key=self.target.name, problem=f"variant {args or kwargs}: {error}"[:160])
        declared = self.target.declaration
        if declared.many is not None:
            asked = args[0] if len(args) == 1 else variant  # A tuple of one is that one.
            return CacheEntry(key=key, source=(asked, language), version=declared.version)
        return CacheEntry(key=key, compute=compute, version=declared.version)


def _in_language(language: str | None) -> AbstractContextManager[None]:
    return translation.override(language) if language else nullcontext()


def _arguments(variant: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(variant, Mapping):
        return (), dict(variant)
    return (variant, {}) if isinstance(variant, tuple) else ((variant,), {})


def _warmer(target: Cached[Any, Any]) -> CachedWarmer:
    names = ("name", "timeout", "alias", "category", "priority", "depends_on")
    attributes = {name: getattr(target.declaration, name) for name in names}
    attributes["computes_in_bulk"] = target.declaration.many is not None
    return cast("CachedWarmer", type("DeclaredCached", (CachedWarmer,), attributes)(target))


def cached(  # noqa: PLR0913 - a declaration: all but the name are given by name
    name: str,
    *,
    timeout: Timeout = UNSET,
    variants: Variants | None = None,
    many: Many | None = None,
    key: str | Callable[..., str] | None = None,
    alias: str = "default",
    version: int | None = None,
    category: str = Category.COMPUTED,
    priority: int = 0,
    depends_on: Sequence[str] = (),
    lock_s: float = LOCK_S,
    per_language: bool = False,
) -> _Decorator:
    """Keep a function's values in a cache, and warm them.

    Args:
        name: of the warmer, and the beginning of the key; unique in the project.
        timeout: seconds, as in Django's cache; what is warmed lives as long.
        variants: what to warm it with; without any, a function that needs arguments is cached but not warmed.
        many: given some of the variants, their values by variant; what is to be warmed by the thousand needs it.
        key: where the key is given by other code: text with the arguments' names in braces, or a function of them.
        alias: of the cache.
        version: as in Django's cache.
        category: by which ``--only`` may choose it.
        priority: higher is warmed first.
        depends_on: names of warmers that go first.
        lock_s: how long computing may take before another reader begins too, and the most that one waits; 0 is no lock.
        per_language: whether the value depends on the active language, which then is part of the key.

    Raises:
        TypeError: an argument is of the wrong type, as a timedelta is for a timeout; or ValueError, has a wrong value.
        DuplicateWarmerError: the name is taken.
    """
    return _Decorator(
        Declaration(
            name=name,
            timeout=timeout,
            variants=variants,
            many=many,
            key=key,
            alias=alias,
            version=version,
            category=category,
            priority=priority,
            depends_on=depends_on,
            lock_s=lock_s,
            per_language=per_language,
        )
    )
