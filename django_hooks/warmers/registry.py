"""Which warmers there are: those that applications register in a ``warmers.py``, and those that settings declare."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TypeVar, overload

from django.apps import apps

from django_hooks import stores
from url_manifests.errors import ConfigurationError, UnknownNameError

from .base import UNSET, CacheEntry, Category, FunctionWarmer, Timeout, Warmer
from .declarations import check_warmer
from .fragments import declared_fragments
from .permissions import permission_warmers
from .sessions import declared_sessions

logger = logging.getLogger(__name__)

MODULE = "warmers"
"""Looked for in every installed application."""

_Function = Callable[[], Iterable[CacheEntry] | AsyncIterable[CacheEntry]]
_WarmerType = TypeVar("_WarmerType", bound=type[Warmer])


class DuplicateWarmerError(ConfigurationError):
    """Two warmers have one name, so nobody could say which one ``--only`` means."""


class Registry:
    """Warmers by name."""

    def __init__(self) -> None:
        self._warmers: dict[str, Warmer] = {}
        self.broken: dict[str, str] = {}
        """Module that could not be imported → why; a run reports each and goes on with the others."""
        self._is_discovered = False

    def add(self, warmer: Warmer) -> None:
        """Take a warmer in.

        Raises:
            ConfigurationError: it has no name.
            DuplicateWarmerError: its name is taken.
            TypeError: its timeout or priority is none; or ValueError.
        """
        check_warmer(warmer)
        if not warmer.name:
            raise ConfigurationError(type(warmer).__qualname__, "a warmer needs a name")
        if (other := self._warmers.get(warmer.name)) is not None:
            raise DuplicateWarmerError(warmer.name, f"is registered twice: {_origin(other)} and {_origin(warmer)}")
        self._warmers[warmer.name] = warmer

    def discover(self) -> None:
        """Import each application's ``warmers`` module, once; one that raises is noted in `broken`.

        What it has registered before stays, and so does everybody else's: a name that is taken twice is its second
        owner's fault.
        """
        if self._is_discovered:
            return
        self._is_discovered = True
        for config in apps.get_app_configs():
            module = f"{config.name}.{MODULE}"
            # The application of this package has its own module of that name, which is the interface, not warmers.
            if config.label != "cache_warming" and find_spec(module) is not None:
                self._import(module)

    def _import(self, module: str) -> None:
        try:
            import_module(module)
        except stores.RAISED as error:
            logger.exception("cache_warming.warmers_broken module=%s", module)
            self.broken[module] = stores.describe(error)

    def __iter__(self) -> Iterator[Warmer]:
        return iter(sorted(self._warmers.values(), key=lambda warmer: (-warmer.priority, warmer.name)))

    def select(self, only: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[Warmer]:
        """The warmers in the order of a run; names may also be categories, or what several names begin with.

        Raises:
            UnknownNameError: a name is none of these; suggests the nearest.
        """
        groups = {group for name in self._warmers for group in _groups(name)}
        known = {*self._warmers, *groups, *(warmer.category for warmer in self._warmers.values()), *Category}
        for option, names in (("--only", only), ("--exclude", exclude)):
            for name in names:
                if name not in known:
                    raise UnknownNameError(option, name, known)
        return [
            warmer
            for warmer in self
            if (not only or _is_named(warmer, only)) and not (exclude and _is_named(warmer, exclude))
        ]


def _is_named(warmer: Warmer, names: Sequence[str]) -> bool:
    return any(name in names for name in (warmer.name, warmer.category, *_groups(warmer.name)))


def _groups(name: str) -> Iterator[str]:
    """What a name begins with: ``shop`` and ``shop.figures`` for ``shop.figures.revenue``."""
    for place, character in enumerate(name):
        if character in ".:" and place:
            yield name[:place]


def _origin(warmer: Warmer) -> str:
    function = getattr(warmer, "_function", None)
    source = function if function is not None else type(warmer)
    return f"{source.__module__}.{getattr(source, '__qualname__', source)}"


registry = Registry()
"""What `register` has taken in."""


def project_warmers() -> Registry:
    """All warmers of the project: those that applications registered, and those that settings declare.

    Raises:
        ConfigurationError: a declaration in settings is wrong, or a name is taken twice.
    """
    from .declared_rows import declared_rows  # noqa: PLC0415 - cached rows register themselves here

    registry.discover()
    everything = Registry()
    everything.broken = registry.broken
    declared = (*declared_fragments(), *declared_sessions(), *declared_rows(), *permission_warmers())
    for warmer in (*registry, *declared):
        everything.add(warmer)
    return everything


@overload
def register(target: _WarmerType) -> _WarmerType: ...
@overload
def register(
    target: str,
    *,
    category: str = ...,
    priority: int = ...,
    alias: str = ...,
    timeout: Timeout = ...,
    depends_on: Sequence[str] = ...,
    secret_keys: bool = ...,
) -> Callable[[_Function], _Function]: ...
def register(
    target: _WarmerType | str,
    *,
    category: str = Category.COMPUTED,
    priority: int = 0,
    alias: str = "default",
    timeout: Timeout = UNSET,
    depends_on: Sequence[str] = (),
    secret_keys: bool = False,
) -> _WarmerType | Callable[[_Function], _Function]:
    """Register a `Warmer` subclass, or, given a name, the generator function that follows.

    The decorated class or function stays what it was, and can be called and tested as such.
    """
    if not isinstance(target, str):
        registry.add(target())
        return target
    name = target

    def decorate(function: _Function) -> _Function:
        declared = {
            "name": name,
            "category": category,
            "priority": priority,
            "alias": alias,
            "timeout": timeout,
            "depends_on": depends_on,
            "secret_keys": secret_keys,
        }
        registry.add(type("DeclaredWarmer", (FunctionWarmer,), declared)(function))
        return function

    return decorate
