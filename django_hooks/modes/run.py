"""One run of warmers as its mode sees it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django_hooks import stores
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

_REST: Final = ":*"


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
    _rests: list[Outcome] = field(default_factory=list)
    """What stands for all entries that a warmer was not asked for: how many they are is known at the end."""

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
        self.watcher(outcome)
        if is_rest(outcome):
            self._rests.append(outcome)
        else:
            self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        self.report.add(outcome)
        if self.outcomes is not None:
            self.outcomes.write(outcome)

    def settle(self) -> None:
        """Count what was left out, with the weight of as many entries as each warmer says that it has more.

        Where that cannot be said, the run has not warmed what was required, however much it did warm; but a budget is
        where it was to end.
        """
        for warmer in self.warmers:
            if self.report.error is not None and warmer.name not in self.done:
                self._rests.append(left_out(warmer, "stopped"))
        settled = set[str]()
        for outcome in self._rests:
            name = outcome.url.removesuffix(_REST)
            left = 0 if name in settled else self._left(name)
            settled.add(name)
            if left is None and outcome.reason != "budget":
                self.report.unfinished.append(name)
            self._count(replace(outcome, weight=1 if left is None else left))
        self._rests.clear()

    def _left(self, name: str) -> int | None:
        warmer = next((warmer for warmer in self.warmers if warmer.name == name), None)
        if warmer is None or self.strategy.key:  # of how many keys match, a count knows nothing
            return None
        try:
            count = warmer.count()
        except Exception as error:  # noqa: BLE001 - any code of the project; mostly what cut the warmer short as well
            logger.warning("cache_warming.count_failed", extra={"warmer": name, "error": stores.describe(error)})
            return None
        return None if count is None else max(count - self.sums_of(name).entries, 1)

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


def is_rest(outcome: Outcome) -> bool:
    """Whether it stands for all entries that a warmer, or a module's warmers, were not asked for."""
    return outcome.url.endswith(_REST) and not outcome.keys


def left_out(warmer: Warmer, reason: str, detail: str = "the rest of this warmer") -> Outcome:
    """The outcome of all entries that a warmer was not asked for; `Run.settle` says how many they are."""
    return Outcome(url=warmer.name + _REST, result=Result.SKIPPED, reason=reason, detail=detail, weight=1)
