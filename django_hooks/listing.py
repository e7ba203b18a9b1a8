"""What ``--dry-run`` and ``--list`` print. Nothing is computed, and no cache is asked."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from django.db import connections

from url_manifests.outcomes import Outcome

from .engine import Engine
from .engine.plan import Planned
from .modes.steps import Planner, run_options
from .strategies import Strategy
from .warmers import Registry, Warmer
from .warmers.base import UNSET


def plan_lines(warmers: Iterable[Warmer], strategy: Strategy) -> Iterator[str]:
    """What a run would look at: a line for each key, and one for each warmer with its sums.

    Bytes are those of values that are at hand, pickled; queries are those that the list of keys itself took. What
    computing a value would take cannot be known without computing it.
    """
    engine = Engine(run_options(strategy, strategy.deadline))
    planner = Planner(strategy=strategy)
    for warmer in warmers:
        summary = _Summary(warmer.name)
        with _counted_queries(summary):
            for planned in engine.plan(planner.step(warmer).warmer):
                summary.add(planned)
                yield _plan_line(planned)
        yield str(summary)


class _Summary:
    def __init__(self, name: str) -> None:
        self._name = name
        self._entries = 0
        self._computed = 0
        self._bytes = 0
        self.queries = 0

    def add(self, planned: Planned | Outcome) -> None:
        self._entries += 1
        if isinstance(planned, Planned) and planned.entry.value is UNSET:
            self._computed += 1
        elif isinstance(planned, Planned):
            self._bytes += _size_bytes(planned.entry.value)

    def __str__(self) -> str:
        known = f", {self._bytes:,} bytes" if self._bytes else ""
        computed = f", {self._computed} to be computed" if self._computed else ""
        queries = f", {self.queries} queries to list them" if self.queries else ""
        return f"{self._name}: {self._entries} entries{known}{computed}{queries}"


def _size_bytes(value: Any) -> int:
    try:
        return len(pickle.dumps(value))
    except Exception:  # noqa: BLE001 - __reduce__ of a project's class may raise anything; the run will say so
        return 0


def _counted_queries(summary: _Summary) -> ExitStack:
    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        summary.queries += 1
        return execute(sql, params, many, context)

    stack = ExitStack()
    for connection in connections.all():
        stack.enter_context(connection.execute_wrapper(count))
    return stack


def _plan_line(planned: Planned | Outcome) -> str:
    if isinstance(planned, Outcome):
        return f"{planned.url} {planned.result}: {planned.reason} ({planned.detail})"
    timeout = "default" if not isinstance(planned.timeout, int | float | None) else planned.timeout
    version = "" if planned.version is None else f" version={planned.version}"
    return f"{planned.warmer}:{planned.key} alias={planned.alias} timeout={timeout}{version}"


def list_lines(registry: Registry) -> Iterator[str]:
    """The project's warmers, first to run first, and the modules that could not be imported."""
    for warmer in registry:
        yield f"{warmer.name} category={warmer.category} priority={warmer.priority}"
    for module, problem in registry.broken.items():
        yield f"{module} is broken: {problem}"
