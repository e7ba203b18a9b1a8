"""Mode ``sync``: one warmer after the other, in this process."""

from __future__ import annotations

from django_hooks.engine import Engine

from .run import Run
from .steps import Planner, run_options


def warm(run: Run) -> None:
    """Warm everything."""
    engine = Engine(run_options(run.strategy, run.strategy.deadline))
    planner = Planner(strategy=run.strategy)
    for warmer in run.warmers:
        step = planner.step(warmer)
        for outcome in engine.run([step.warmer]):
            run.take(outcome)
        if (cut := step.cut_short()) is not None:
            run.take(cut)
        run.finish_warmer(warmer)
