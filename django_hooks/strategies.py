"""Named sets of what a run warms and how: ``CACHE_WARMING["STRATEGIES"]``, and what the command line says instead.

A strategy is plain data: the command makes one of the settings and its options, and writes it down for the workers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from url_manifests.errors import ConfigurationError, UnknownNameError

from . import conf, values
from .setting_table import CACHE_DOWN
from .warmers import Registry, Warmer

MODES: Final = ("sync", "async", "tasks")
VERIFY: Final = ("all", "sample", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one warmer, or all warmers of a category together, may take at most; ``None`` is as much as it likes."""

    seconds: float | None = None
    keys: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What a run warms, in which order, and how."""

    name: str = ""
    only: tuple[str, ...] = ()
    """Warmers and categories, in the order of the run; empty is all, by their priority."""
    exclude: tuple[str, ...] = ()
    mode: str = "sync"
    key: str = ""
    """Shell pattern that keys must match."""
    refresh: bool = False
    """Compute and write live keys too."""
    fresh_for: float = 0
    """Live keys that expire within so many seconds are written anew, where the backend can tell."""
    deadline: float | None = None
    """Seconds after which nothing new is begun."""
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    """Warmer or category → what it may take."""
    concurrency: int | None = None
    """Values computed at a time; ``None`` is one, or 16 of those that are computed by ``async`` functions."""
    retries: int = 3
    """How often what failed for the moment is tried again."""
    cache_wait: float | None = None
    """Seconds to wait for a cache that does not answer; ``None`` is ``CACHE_WAIT_S``."""
    cache_down: str = ""
    """What to do when it does not come back: one of `CACHE_DOWN`; empty is the setting of that name."""
    parts: int = 4
    """Jobs that each warmer is split into, in mode ``tasks``."""
    usage: str = ""
    """``traffic``: what visitors asked for most goes first; or an outcome file, whose keys do."""
    verify: str = "all"
    """Which of the written keys are read back."""
    max_memory: int | None = None
    """Bytes that the process may grow to."""
    require_coverage: float | None = None
    """Share from 0 to 1; ``None`` is ``REQUIRE_COVERAGE``."""

    def document(self) -> dict[str, Any]:
        """The strategy as JSON can hold it; `from_document` reads it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """A strategy that a run wrote down for its workers."""
        budgets = {name: Budget(**limits) for name, limits in document["budgets"].items()}
        lists = {name: tuple(document[name]) for name in ("only", "exclude")}
        return cls(**{**document, **lists, "budgets": budgets})

    @property
    def patience_s(self) -> float:
        """Seconds to wait for a cache that does not answer.

        Raises:
            ConfigurationError: ``CACHE_WAIT_S`` is negative, or no number.
        """
        if self.cache_wait is not None:
            return self.cache_wait
        return float(conf.get("CACHE_WAIT_S"))

    @property
    def stops_without_cache(self) -> bool:
        """Whether a cache that does not come back ends the run.

        Raises:
            ConfigurationError: ``CACHE_DOWN`` is none of `CACHE_DOWN`.
        """
        return (self.cache_down or conf.get("CACHE_DOWN")) == "stop"

    def check(self) -> None:
        """Read the settings that it leaves open.

        Raises:
            ConfigurationError: one is wrong.
        """
        _ = self.patience_s, self.stops_without_cache

    def budget_of(self, warmer: Warmer) -> Budget:
        """The warmer's own budget, or else its category's."""
        return self.budgets.get(warmer.name) or self.budgets.get(warmer.category) or Budget()


BUILT_IN: Final[dict[str, dict[str, Any]]] = {
    "deploy": {"usage": "traffic", "deadline": 600},
    "nightly": {"usage": "traffic", "fresh_for": 8 * 3600, "deadline": 4 * 3600},
}
"""Strategies that every project has; what a project says of the same name is put over them."""


def read(name: str) -> Strategy:
    """The strategy of a name, as settings declare it.

    Raises:
        UnknownNameError: there is none; suggests the nearest.
        ConfigurationError: it is declared wrongly.
    """
    declared = conf.get("STRATEGIES")
    known = {*BUILT_IN, *declared}
    if name not in known:
        raise UnknownNameError("--strategy", name, known)
    if not isinstance(name, str):
        raise ConfigurationError(_path(name), "must be named by text")
    own = declared.get(name, {})
    if not isinstance(own, Mapping):
        raise ConfigurationError(_path(name), f"must be a dict, is {type(own).__name__}")
    return _parsed(name, {**BUILT_IN.get(name, {}), **own})


def names() -> list[str]:
    """All strategies of the project."""
    return sorted({*BUILT_IN, *conf.get("STRATEGIES")}, key=str)


def _parsed(name: str, declared: Mapping[str, Any]) -> Strategy:
    parsed = {}
    for key, value in declared.items():
        if key not in _PARSERS:
            raise UnknownNameError(_path(name), str(key), _PARSERS)
        try:
            parsed[key] = _PARSERS[key](value)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(_path(name, key), str(error)) from error
    return Strategy(name=name, **parsed)


def _path(*keys: object) -> str:
    return conf.setting_path("STRATEGIES") + "".join(f"[{key!r}]" for key in keys)


def _budgets(value: Any) -> dict[str, Budget]:
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a dict of dicts, is {value!r}")  # noqa: TRY004 - as above
    return {values.text(name): _budget(name, limits) for name, limits in value.items()}


def _budget(name: str, limits: Any) -> Budget:
    parsers: dict[str, Callable[[Any], Any]] = {
        "seconds": values.seconds,
        "keys": values.count,
        "bytes": values.size_bytes,
    }
    if not isinstance(limits, Mapping) or not limits.keys() <= parsers.keys():
        raise ValueError(f"{name!r} must be a dict of seconds, keys and bytes, is {limits!r}")
    return Budget(**{limit: parsers[limit](value) for limit, value in limits.items()})


_PARSERS: Final[dict[str, Callable[[Any], Any]]] = {
    "only": values.names,
    "exclude": values.names,
    "mode": values.one_of(MODES),
    "key": values.text,
    "refresh": values.flag,
    "fresh_for": values.seconds_or_0,
    "deadline": values.seconds,
    "budgets": _budgets,
    "concurrency": values.count,
    "retries": values.count_or_0,
    "cache_wait": values.seconds_or_0,
    "cache_down": values.one_of(CACHE_DOWN),
    "parts": values.count,
    "usage": values.text,
    "verify": values.one_of(VERIFY),
    "max_memory": values.size_bytes,
    "require_coverage": values.share,
}


def choose(
    registry: Registry, strategy: Strategy, only: Sequence[str] = (), exclude: Sequence[str] = ()
) -> list[Warmer]:
    """The strategy's warmers in its order; ``only`` and ``exclude`` of the command line narrow them further.

    What others depend on goes before them, where it is to be warmed at all.

    Raises:
        UnknownNameError: a name is neither a warmer's nor a category's.
        ConfigurationError: warmers depend on each other in a circle, or on one that does not exist.
    """
    _refuse_unknown(registry, strategy)
    _refuse_unknown_dependencies(registry)
    narrowed = {warmer.name for warmer in registry.select(only, exclude)}
    names = strategy.only or ("",)
    ranked = [warmer for name in names for warmer in registry.select([name] if name else (), strategy.exclude)]
    return in_order({warmer.name: warmer for warmer in ranked if warmer.name in narrowed})


def _refuse_unknown(registry: Registry, strategy: Strategy) -> None:
    # A misspelt budget would limit nothing, and nobody would notice.
    fields = {"only": strategy.only, "exclude": strategy.exclude, "budgets": strategy.budgets}
    for field_name, names in fields.items():
        try:
            registry.select(list(names))
        except UnknownNameError as error:
            raise ConfigurationError(_path(strategy.name, field_name), error.problem) from error


def _refuse_unknown_dependencies(registry: Registry) -> None:
    known = {warmer.name for warmer in registry}
    for warmer in registry:
        for name in warmer.depends_on:
            if name not in known:
                raise UnknownNameError(f"{warmer.name}.depends_on", name, known)


def in_order(warmers: Mapping[str, Warmer]) -> list[Warmer]:
    """The warmers as they are given, but each behind those that it depends on.

    Raises:
        ConfigurationError: they depend on each other in a circle.
    """
    done: dict[str, Warmer] = {}

    def add(warmer: Warmer, path: tuple[str, ...]) -> None:
        if warmer.name in path:
            circle = " -> ".join((*path[path.index(warmer.name) :], warmer.name))
            raise ConfigurationError(warmer.name, f"warmers depend on each other in a circle: {circle}")
        for name in warmer.depends_on:
            if name in warmers and name not in done:
                add(warmers[name], (*path, warmer.name))
        done.setdefault(warmer.name, warmer)

    for warmer in warmers.values():
        add(warmer, ())
    return list(done.values())
