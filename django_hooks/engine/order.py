"""Warmers in the order of a run: those that others depend on first, otherwise as they come."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django_hooks.warmers.base import Warmer
from url_manifests.errors import ConfigurationError, UnknownNameError


def ordered(warmers: Iterable[Warmer], known: Collection[str] = ()) -> list[Warmer]:
    """The warmers, each after those that it depends on.

    Args:
        warmers: those of this run, first to run first.
        known: names of warmers that this run leaves out; depending on one of them is no mistake.

    Raises:
        UnknownNameError: a dependency has a name that no warmer has.
        ConfigurationError: warmers depend on each other in a circle.
    """
    by_name = {warmer.name: warmer for warmer in warmers}
    result: dict[str, Warmer] = {}

    def visit(warmer: Warmer, path: tuple[str, ...]) -> None:
        if warmer.name in path:
            circle = " -> ".join((*path[path.index(warmer.name) :], warmer.name))
            raise ConfigurationError(warmer.name, f"depends on itself: {circle}")
        if warmer.name in result:
            return
        for name in warmer.depends_on:
            if name in by_name:
                visit(by_name[name], (*path, warmer.name))
            elif name not in known:
                raise UnknownNameError(f"{warmer.name}.depends_on", name, {*by_name, *known})
        result[warmer.name] = warmer

    for warmer in by_name.values():
        visit(warmer, ())
    return list(result.values())
