"""Mode ``sync``: one warmer after the other, in this process; values are computed in as many threads as asked for."""

from __future__ import annotations

from collections.abc import Iterator

from django_hooks.engine import BatchResult, Engine

from .run import Run
from .steps import Planner, Step, run_options


def warm(run: Run) -> None:
    """Warm everything."""
    engine = Engine(run_options(run.strategy, run.strategy.deadline))
    planner = Planner(strategy=run.strategy)
    for warmer in run.warmers:
        step = planner.step(warmer)
        with run.sums_of(warmer.name).counting_queries():
            for batch in batches(engine, step):
                run.take_batch(batch)
        if (cut := step.cut_short()) is not None:
            run.take(cut)
        run.finish_warmer(warmer)


def batches(engine: Engine, step: Step) -> Iterator[BatchResult]:
    """What comes of a step, a batch at a time."""
    for batch in engine.batches([step.warmer]):
        step.note(batch)
        yield batch
