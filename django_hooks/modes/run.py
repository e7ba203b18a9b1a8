"""One run of warmers as its mode sees it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from django_hooks.engine import BatchResult
from django_hooks.history import RunRecord
from django_hooks.killswitch import StopSwitch
from django_hooks.lock import RunGuard
from django_hooks.progress import Watcher
from django_hooks.strategies import Strategy
from django_hooks.sums import Sums
from django_hooks.warmers import Warmer
from url_manifests.errors import SiteProtectionError
from url_manifests.outcomes import Outcome, OutcomeWriter, Result
from url_manifests.report import Report

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Run:
    """What to do, and where to tell what came of it."""

    strategy: Strategy
    warmers: Sequence[Warmer]
    report: Report
    record: RunRecord
    watcher: Watcher
    guard: RunGuard
    switch: StopSwitch = field(default_factory=StopSwitch)
    outcomes: OutcomeWriter | None = None
    done: set[str] = field(default_factory=set)
    """Warmers that have nothing left to do."""
    sums: dict[str, Sums] = field(default_factory=dict)
    """Warmer → what it took."""
    _said: set[tuple[str, str, str]] = field(default_factory=set)

    def check(self) -> None:
        """Go on only while the lock is ours and nobody has asked all runs to stop.

        Raises:
            AnotherRunError: the lock is somebody else's meanwhile.
            SiteProtectionError: the kill switch is on.
        """
        self.guard.check()
        if why := self.switch.requested():
            raise SiteProtectionError(f"the kill switch is on: {why}; take it back with warm_cache --allow")

    def heed_caches(self) -> None:
        """Go on without a cache only where that is wished for.

        Raises:
            SiteProtectionError: one does not answer, and was waited for.
        """
        if self.report.reasons["cache-down"] and self.strategy.stops_without_cache:
            keys = ", ".join(self.report.examples["cache-down"][:3])
            raise SiteProtectionError(
                f"a cache does not answer ({keys}); run again when it does (CACHE_DOWN is 'stop')"
            )

    def take(self, outcome: Outcome) -> None:
        """Count an outcome.

        Raises:
            AnotherRunError, SiteProtectionError: see `check`.
        """
        self.check()
        self.report.add(outcome)
        self.watcher(outcome)
        if self.outcomes is not None:
            self.outcomes.write(outcome)

    def take_batch(self, batch: BatchResult) -> None:
        """Count a batch; what is true of nearly all entries is counted in one step, not an outcome at a time.

        Raises:
            AnotherRunError, SiteProtectionError: see `check`.
        """
        self.sums_of(batch.name).add(batch)
        if self.outcomes is not None:
            for outcome in batch.outcomes():
                self.take(outcome)
            self.heed_caches()
            return
        self.check()
        for result, (count, weight) in batch.plain().items():
            self.report.add_many(result, count, weight)
            self.watcher.add(batch.category, result, count)
        for outcome in batch.exceptional():
            self.take(outcome)
        self.heed_caches()

    def sums_of(self, name: str) -> Sums:
        """What a warmer took until now."""
        return self.sums.setdefault(name, Sums())

    def take_whole(self, outcome: Outcome) -> None:
        """Count what is true of a warmer as a whole, once, however many workers found it out."""
        if (said := (outcome.url, outcome.reason, outcome.detail)) not in self._said:
            self._said.add(said)
            self.take(outcome)

    def finish_warmer(self, warmer: Warmer) -> None:
        """Note that a warmer is through."""
        self.done.add(warmer.name)
        logger.info("cache_warming.warmer_done", extra={"run_id": self.report.run_id, "warmer": warmer.name})


def left_out(warmer: Warmer, reason: str, detail: str = "the rest of this warmer") -> Outcome:
    """The outcome of all entries that a warmer was not asked for; how many they are, nobody knows."""
    return Outcome(url=f"{warmer.name}:*", result=Result.SKIPPED, reason=reason, detail=detail, weight=1)
