"""A function whose values are kept in a cache: the reading side of `cached`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, cast

from asgiref.sync import async_to_sync, sync_to_async
from django.utils import translation

from .arguments import argument_text, shortened
from .base import Timeout
from .stampede import Slot, aget_or_compute, get_or_compute

P = ParamSpec("P")
R = TypeVar("R")

Variants: TypeAlias = Iterable[Any] | Callable[[], Iterable[Any]]
"""Arguments to warm a function with: each a dict of names, a tuple of positions, or the one argument."""

Many: TypeAlias = Callable[[Sequence[Any]], Mapping[Any, Any]]
"""The values of several variants at once, by variant; one that is left out has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What `cached` was given; see there."""

    name: str
    timeout: Timeout
    variants: Variants | None
    many: Many | None
    key: str | Callable[..., str] | None
    alias: str
    version: int | None
    category: str
    priority: int
    depends_on: Sequence[str]
    lock_s: float
    per_language: bool


class Cached(Generic[P, R]):
    """A function whose values are kept in a cache. Calling it is `get`."""

    def __init__(self, function: Callable[P, Any], declaration: Declaration) -> None:
        functools.update_wrapper(self, function)
        self.declaration = declaration
        self.function = function
        self.signature = inspect.signature(function)

    @property
    def name(self) -> str:
        return self.declaration.name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.get(*args, **kwargs)

    def get(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The value: stored, or else computed and stored."""
        return get_or_compute(self._slot(args, kwargs), functools.partial(self.compute, *args, **kwargs))

    async def aget(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same on an event loop; a function that is not asynchronous computes in a thread."""
        return await aget_or_compute(self._slot(args, kwargs), functools.partial(self.acompute, *args, **kwargs))

    def compute(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function itself; no cache is asked."""
        function = self.function
        if inspect.iscoroutinefunction(function):
            function = async_to_sync(function)
        return cast("R", function(*args, **kwargs))

    async def acompute(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function itself, on an event loop."""
        function = self.function
        if not inspect.iscoroutinefunction(function):
            function = sync_to_async(function)
        return cast("R", await function(*args, **kwargs))

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute and store, whatever is there; gives the value."""
        value = self.compute(*args, **kwargs)
        self._slot(args, kwargs).store(value)
        return value

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Delete the stored value, so that the next reader computes."""
        slot = self._slot(args, kwargs)
        slot.cache.delete(slot.key, version=slot.version)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The cache key for these arguments.

        Raises:
            TypeError: they do not fit the function, or cannot be part of a key.
        """
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        key = self._key(bound)
        return f"{key}:{translation.get_language()}" if self.declaration.per_language else key

    def keys(self, arguments: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]]) -> list[str]:
        """The cache keys for many positional and keyword arguments; raises as `key` does."""
        end = f":{translation.get_language()}" if self.declaration.per_language else ""
        name, template = self._only_parameter, self.declaration.key
        if name is None or not isinstance(template, str):
            return [self.key(*args, **kwargs) for args, kwargs in arguments]
        made = template.format
        return [
            # Binding arguments takes longer than all the rest.
            made(**{name: args[0]}) + end if len(args) == 1 and not kwargs else self.key(*args, **kwargs)
            for args, kwargs in arguments
        ]

    @functools.cached_property
    def _only_parameter(self) -> str | None:
        """The name of the function's parameter, where it takes nothing but one, by position."""
        parameters = list(self.signature.parameters.values())
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return parameters[0].name if len(parameters) == 1 and parameters[0].kind in kinds else None

    def _key(self, bound: inspect.BoundArguments) -> str:
        template = self.declaration.key
        if callable(template):
            return template(*bound.args, **bound.kwargs)
        if template is not None:
            return template.format(**bound.arguments)
        if not bound.arguments:
            return self.name
        text = ",".join(f"{name}={argument_text(value)}" for name, value in _flat(bound))
        return f"{self.name}:{shortened(text)}"

    def _slot(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Slot:
        declared = self.declaration
        return Slot(
            key=self.key(*args, **kwargs),
            alias=declared.alias,
            version=declared.version,
            timeout=declared.timeout,
            # What is not kept would be computed by one reader after the other, each waiting for its turn.
            lock_s=0 if declared.timeout == 0 else declared.lock_s,
        )


class AsyncCached(Cached[P, R]):
    """An ``async def`` whose values are kept in a cache. Calling it is `aget`; `get` is for everybody else."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:  # type: ignore[override] # as the function itself
        return await self.aget(*args, **kwargs)


def _flat(bound: inspect.BoundArguments) -> Iterator[tuple[str, Any]]:
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            yield from sorted(value.items())
        else:
            yield name, value
