"""A run as steps, one for each warmer: with what a strategy lets it take, and with what visitors read going first."""

from __future__ import annotations

from dataclasses import dataclass, field

from django_hooks import usage
from django_hooks.engine import BatchResult, RunOptions
from django_hooks.engine.options import AWAITS
from django_hooks.narrowing import Gate, Part, Purse, share_of, through
from django_hooks.strategies import Strategy
from django_hooks.warmers import Warmer
from url_manifests.outcomes import Outcome

from .run import left_out


@dataclass(kw_only=True)
class Step:
    """One warmer, narrowed to what this run, or this part of it, is to do."""

    warmer: Warmer
    purse: Purse | None
    """What it may spend, if that is limited; shared with the other warmers of a category's budget."""

    def note(self, batch: BatchResult) -> None:
        """Charge the budget with what the batch wrote."""
        if self.purse is not None:
            self.purse.charge(batch.written()[1])

    def cut_short(self) -> Outcome | None:
        """The outcome of what its budget left undone, if it did."""
        if self.purse is None or not self.purse.spent:
            return None
        return left_out(self.warmer, "budget", f"the rest of this warmer: its budget of {self.purse.spent} is spent")


@dataclass(kw_only=True)
class Planner:
    """Makes steps of warmers, for one run or for one part of each warmer."""

    strategy: Strategy
    part: int = 0
    parts: int = 1
    _purses: dict[str, Purse] = field(default_factory=dict)
    _reads: usage.KeyReads | None = None

    def __post_init__(self) -> None:
        if self.strategy.usage not in ("", "traffic"):
            self._reads = usage.KeyReads.from_outcomes(self.strategy.usage)

    def step(self, warmer: Warmer) -> Step:
        """The warmer, narrowed."""
        narrowed = warmer
        if self.parts > 1:
            narrowed = through(narrowed, Part(self.part, self.parts))
        if self._reads is not None:
            first: list[Gate] = [usage.Seen(self._reads, warmer.alias, read=read) for read in (True, False)]
            narrowed = through(narrowed, *first)
        purse = self._purse(warmer)
        return Step(warmer=through(narrowed, purse) if purse else narrowed, purse=purse)

    def _purse(self, warmer: Warmer) -> Purse | None:
        budgets = self.strategy.budgets
        name = warmer.name if warmer.name in budgets else str(warmer.category)
        if name not in budgets:
            return None
        if name not in self._purses:
            share = share_of(budgets[name], self.part, self.parts)
            self._purses[name] = Purse(share)
        return self._purses[name]


def run_options(strategy: Strategy, left_s: float | None, writers: int = 1) -> RunOptions:
    """What the engine is asked; ``left_s`` is the time that is left of the deadline, in seconds."""
    return RunOptions(
        key_pattern=strategy.key,
        refresh=strategy.refresh,
        fresh_for_s=strategy.fresh_for,
        deadline_s=left_s,
        verify=strategy.verify,  # type: ignore[arg-type] # one of VERIFY, as the strategy was checked
        retries=strategy.retries,
        cache_wait_s=strategy.patience_s,
        max_memory_bytes=strategy.max_memory,
        threads=strategy.concurrency or 1,
        awaits=strategy.concurrency or AWAITS,
        writers=writers,
    )
