"""Pages that are kept in the memory of one process: asked for until every worker has served them from there.

A LocMem cache is the memory of one worker, so nobody can look into it from outside. But an answer names its worker, and
tells whether the page came out of that worker's cache. So the page is asked for again, several times at once and each
time on a connection of its own (a worker that is busy leaves the next one to another), until every worker of every
instance has given a hit; or until so many were asked for in vain that it is enough.

How many workers there are is told by ``WARM_WORKERS``, or learned: when `QUIET_ANSWERS` in a row came from workers that
are known, those are all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from url_manifests.outcomes import Outcome, Result
from url_manifests.reasons import REASONS

from .answer import Answer
from .pages import is_served
from .plan import Planned
from .target import Target

AUTO: Final = "auto"
QUIET_ANSWERS: Final = 40
TRIES_PER_WORKER: Final = 30
"""With three workers that answer evenly, a hit of each takes 11 answers on average, and 36 nearly always. But where the
processors are busy the kernel hands most connections to the worker that ran last."""
_MOST_AT_ONCE: Final = 8
_MOST_WORKERS: Final = 1000

Ask = Callable[[Planned, Target], Awaitable[Answer]]


@dataclass(slots=True)
class Instance:
    """One server of the site, with its own workers."""

    target: Target
    wanted: int | None
    """How many workers it has; ``None``: to be learned."""
    hits: Counter[str] = field(default_factory=Counter)
    """Worker → answers out of its own cache; 0 for one that gave none yet."""
    quiet: int = 0
    """Answers since a new worker was met."""

    def meet(self, worker: str) -> None:
        """An answer of this worker came."""
        self.quiet += 1
        if worker not in self.hits and len(self.hits) < _MOST_WORKERS:
            self.hits[worker] = 0
            self.quiet = 0

    def is_enough(self, served: set[str]) -> bool:
        """Whether these are all workers."""
        if self.wanted is not None:
            return len(served) >= self.wanted
        return bool(served) and self.quiet >= QUIET_ANSWERS and served >= self.hits.keys()

    @property
    def expected(self) -> int:
        """How many workers there are, as far as is known."""
        return self.wanted or max(len(self.hits), 1)


class EveryWorker:
    """What is known about the workers of a run's instances.

    Args:
        workers: their number for each instance, or ``AUTO``; 0: nothing is asked again.
        may_go_on: false once the run is to end.
    """

    def __init__(self, targets: list[Target], workers: str, may_go_on: Callable[[], bool]) -> None:
        wanted = None if workers == AUTO else int(workers)
        self._instances = [Instance(target, wanted) for target in targets] if wanted != 0 else []
        self._may_go_on = may_go_on

    async def make_sure(self, planned: Planned, outcome: Outcome, ask: Ask) -> Outcome:
        """The outcome of a page in private stores, after every worker was asked."""
        if not self._instances or outcome.result is not Result.UNVERIFIABLE or outcome.reason != "private-store":
            return outcome
        served = expected = 0
        for instance in self._instances:
            workers, leaks = await self._ask_all(instance, planned, outcome, ask)
            if leaks:
                detail = ", ".join(leaks)[:300]
                return replace(outcome, result=Result.FAILED, reason="leak", detail=detail, cacheable=True)
            served += len(workers)
            expected += max(instance.expected, len(workers))
            if not instance.is_enough(workers):
                return replace(outcome, detail=f"warm in {served} of {expected} workers of {instance.target.base_url}")
        return _proven(outcome, f"warm in all {served} workers")

    async def _ask_all(
        self, instance: Instance, planned: Planned, outcome: Outcome, ask: Ask
    ) -> tuple[set[str], list[str]]:
        """The workers that served it, and what leaked."""
        served: set[str] = set()
        tries = 0
        planned = replace(planned, headers=(*planned.headers, ("Connection", "close")))
        while not instance.is_enough(served) and self._may_go_on():
            left = TRIES_PER_WORKER * instance.expected + (QUIET_ANSWERS if instance.wanted is None else 0) - tries
            if left <= 0:
                break
            # More and more at once: what one worker cannot take has to go to another.
            rounds = tries // (4 * instance.expected)
            at_once = min(max(instance.expected, 2) + rounds, _MOST_AT_ONCE, left)
            answers = await asyncio.gather(*(ask(planned, instance.target) for _ in range(at_once)))
            tries += at_once
            for answer in answers:
                if answer.leaks:
                    return served, answer.leaks
                if answer.reason or answer.trace is None:
                    continue
                instance.meet(answer.trace.worker)
                if is_served(outcome, answer.trace):
                    instance.hits[answer.trace.worker] += 1
                    served.add(answer.trace.worker)
        return served, []

    def document(self) -> list[dict[str, Any]] | None:
        """The report's ``workers`` field."""
        if not self._instances:
            return None
        return [
            {"base_url": i.target.base_url, "wanted": i.wanted, "hits": dict(sorted(i.hits.items()))}
            for i in self._instances
        ]


def _proven(outcome: Outcome, detail: str) -> Outcome:
    """Its keys stay unverifiable: no other process will find them."""
    is_page = outcome.page is Result.UNVERIFIABLE
    # Where the application lets only parts be cached, the reason why waits in the detail.
    reason = outcome.detail if not is_page and outcome.detail in REASONS else ""
    page = Result.STORED if is_page else outcome.page
    return replace(outcome, result=Result.STORED, reason=reason, detail=detail, page=page)
