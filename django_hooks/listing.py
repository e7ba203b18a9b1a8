"""What ``--dry-run`` and ``--list`` print. Nothing is computed, and no cache is asked."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from url_manifests.outcomes import Outcome

from . import strategies
from .engine import Engine
from .engine.plan import Planned
from .history import last_sums
from .modes.steps import Planner, run_options
from .stores import RAISED
from .strategies import Strategy
from .sums import Sums
from .warmers import Registry, Warmer, per_process
from .warmers.base import UNSET
from .warmers.cache_nodes import find_fragments
from .warmers.secret_keys import told

MAX_PROBLEMS: Final = 3
"""Kinds of values without a size that a summary names."""


def plan_lines(warmers: Iterable[Warmer], strategy: Strategy) -> Iterator[str]:
    """What a run would look at: a line for each key, and one for each warmer with its sums.

    Bytes are those of values that are at hand, pickled; queries are those that the list of keys itself took. What
    computing values takes is estimated by the last run that did so; nothing is computed for it.
    """
    engine = Engine(run_options(strategy, strategy.deadline))
    planner = Planner(strategy=strategy)
    before = last_sums()
    for warmer in warmers:
        summary = _Summary(warmer, before.get(warmer.name))
        with summary.listing.counting_queries():
            for planned in engine.plan(planner.step(warmer).warmer):
                summary.add(planned)
                yield _plan_line(planned)
        yield str(summary)


class _Summary:
    def __init__(self, warmer: Warmer, before: Sums | None) -> None:
        self._warmer = warmer
        self._before = before
        self._computed = 0
        self._unpicklable: Counter[str] = Counter()
        self.listing = Sums()

    def add(self, planned: Planned | Outcome) -> None:
        self.listing.entries += 1
        if isinstance(planned, Planned) and planned.entry.value is UNSET:
            self._computed += 1
        elif isinstance(planned, Planned):
            self._weigh(planned.entry.value)

    def _weigh(self, value: Any) -> None:
        try:
            self.listing.bytes += len(pickle.dumps(value))
        except RAISED as error:  # from a __reduce__ of the project's; it is named
            self._unpicklable[told(error, self._warmer)] += 1

    def __str__(self) -> str:
        known = f", {self.listing.bytes:,} bytes" if self.listing.bytes else ""
        queries = f", {self.listing.queries} queries to list them" if self.listing.queries else ""
        weightless = "".join(f", {n} without a size ({why})" for why, n in self._unpicklable.most_common(MAX_PROBLEMS))
        return f"{self._warmer.name}: {self.listing.entries} entries{known}{weightless}{queries}{self._estimate()}"

    def _estimate(self) -> str:
        if not self._computed:
            return ""
        if self._before is None:
            return f", {self._computed} to be computed"
        share = self._computed / self._before.written
        size_bytes, queries = round(self._before.bytes * share), round(self._before.queries * share)
        return f", {self._computed} to be computed: about {size_bytes:,} bytes and {queries} queries, by the last run"


def _plan_line(planned: Planned | Outcome) -> str:
    if isinstance(planned, Outcome):
        return f"{planned.url} {planned.result}: {planned.reason} ({planned.detail})"
    timeout = "default" if not isinstance(planned.timeout, int | float | None) else planned.timeout
    version = "" if planned.version is None else f" version={planned.version}"
    return f"{planned.warmer}:{planned.shown_key} alias={planned.alias} timeout={timeout}{version}"


def list_lines(registry: Registry) -> Iterator[str]:
    """The project's warmers, first to run first, and the modules that could not be imported."""
    for warmer in registry:
        yield f"{warmer.name} category={warmer.category} priority={warmer.priority}"
    for module, problem in registry.broken.items():
        yield f"{module} is broken: {problem}"


def project_lines(registry: Registry) -> Iterator[str]:
    """What a project has: `list_lines`, its strategies, its fragments, and what lives in each process."""
    yield from list_lines(registry)
    for name in strategies.names():
        chosen = strategies.choose(registry, strategies.read(name))
        yield f"strategy {name}: {' '.join(warmer.name for warmer in chosen)}"
    findings = find_fragments()
    for fragment in findings.fragments:
        vary_on = " ".join(fragment.vary_on)
        yield f"fragment {fragment.fragment_name} in {fragment.template_name}: {vary_on}".rstrip(": ")
    for template, problem in findings.broken.items():
        yield f"template {template} is broken: {problem}"
    for found in per_process.find():
        yield f"per process: {found.name} ({found.kind}): {found.advice}"
