"""What ``manage.py warm_cache`` does, without its command line: warm, or check what a run reported; gives a report."""

from __future__ import annotations

import gc
import logging
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from os import PathLike
from typing import Final, TextIO

from url_manifests.errors import AnotherRunError, SiteProtectionError, UnwritableError, VerificationError
from url_manifests.outcomes import Outcome, OutcomeReader, OutcomeWriter, RunInfo
from url_manifests.report import Report

from . import conf, stores
from .crosscheck import Tally, cross_check, hoped_for
from .ending import asking_to_end
from .engine.plan import failure
from .history import RunRecord
from .lock import RunGuard
from .modes.run import Run
from .presence import Presence
from .progress import watched, watching
from .strategies import Strategy
from .sums import MAX_WARMERS
from .visitor_keys import VisitorKeys
from .warmers import Warmer

logger = logging.getLogger(__name__)

_MODES: Final = {
    "sync": "django_hooks.modes.sync",
    "async": "django_hooks.modes.event_loop",
    "tasks": "django_hooks.modes.jobs",
}
"""Imported when used: the last needs Django's tasks framework, which not every project has."""


def warm(
    warmers: Sequence[Warmer],
    strategy: Strategy,
    guard: RunGuard,
    *,
    broken: Mapping[str, str],
    require_coverage: float,
    progress: str,
    stream: TextIO,
    outcomes: str = "",
) -> Report:
    """Warm, and count what came of it.

    Ctrl-C, SIGTERM or SIGHUP ends the run with exit code 5 and a report of the batches that were complete; what was
    written of the next one stands, and the next run finds it. A lock that was lost ends it likewise, with exit code 6,
    and the kill switch with 5.
    """
    started_s = time.monotonic()
    mode = import_module(_MODES[strategy.mode])
    report = Report(run_id=new_run_id(), env=conf.get("ENV"), require_coverage=require_coverage)
    record = RunRecord.begin(report, strategy=strategy, is_needed=strategy.mode == "tasks")
    told = {"run_id": report.run_id, "strategy": strategy.name, "mode": strategy.mode}
    logger.info("cache_warming.run_started", extra=told)
    try:
        with ExitStack() as stack:
            stack.enter_context(_signals_as_ctrl_c())
            stack.enter_context(_project_left_uncollected())
            categories = {warmer.name: str(warmer.category) for warmer in warmers}
            totals = _totals(warmers) if progress != "none" else {}
            watcher = stack.enter_context(watching(progress, stream, lambda o: _category(o, categories), totals))
            writer = stack.enter_context(_writer(outcomes, report)) if outcomes else None
            run = Run(
                strategy=strategy,
                warmers=warmers,
                report=report,
                record=record,
                watcher=watcher,
                guard=guard,
                outcomes=writer,
            )
            guard.on_beat.append(lambda: record.alive(report))
            _go(run, mode.warm, broken)
        report.extra["warmers"] = {name: sums.document() for name, sums in list(run.sums.items())[:MAX_WARMERS]}
        report.finish(time.monotonic() - started_s)
    except BaseException:
        record.lose()
        raise
    record.finish(report)
    logger.info("cache_warming.run_finished", extra=told | {"outcome": report.outcome, "planned": report.planned})
    return report


@contextmanager
def _project_left_uncollected() -> Iterator[None]:
    """Spare the garbage collector the project's modules and models, which stay; its rounds take a tenth of a run."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _go(run: Run, warm_all: Callable[[Run], None], broken: Mapping[str, str]) -> None:
    try:
        for module, problem in broken.items():
            run.take(failure(module, "warmer-broken", problem))
        run.check()
        warm_all(run)
    except KeyboardInterrupt:
        run.report.error = SiteProtectionError("stopped by a signal; run again, and what is warm is left alone")
    except (AnotherRunError, SiteProtectionError) as error:
        run.report.error = error
    run.settle()


def _category(outcome: Outcome, categories: Mapping[str, str]) -> str:
    # Keys hold colons, and warmers' names may: the longest name that fits is the warmer's.
    name = outcome.url
    while name:
        if name in categories:
            return categories[name]
        name = name.rpartition(":")[0]
    return "other"


def _totals(warmers: Sequence[Warmer]) -> dict[str, int]:
    """Category → how many entries it will have, of those all of whose warmers can tell."""
    totals: dict[str, int] = {}
    unknown = set[str]()
    for warmer in warmers:
        try:
            count = warmer.count()
        except stores.RAISED:
            logger.exception("cache_warming.count_failed", extra={"warmer": warmer.name})
            count = None
        totals[warmer.category] = totals.get(warmer.category, 0) + (count or 0)
        if count is None:
            unknown.add(warmer.category)
    return {category: count for category, count in totals.items() if category not in unknown}


@contextmanager
def _signals_as_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may set signal handlers; an embedding program keeps its own.
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in asking_to_end()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def new_run_id() -> str:
    """A name that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def _writer(path: str, report: Report) -> OutcomeWriter:
    try:
        return OutcomeWriter(path, RunInfo(run_id=report.run_id, env=report.env))
    except OSError as error:
        raise UnwritableError(f"--outcomes: cannot write {path}: {error.strerror}") from error


def check(path: str | PathLike[str], *, require_coverage: float, progress: str, stream: TextIO, kind: str) -> Report:
    """Read back what an outcome file reports as warm; the report is the run's, corrected.

    Something that is gone makes it fail with exit code 4 when what is left covers less than required; when it still
    covers enough, the findings are listed and the verdict stands. What was not covered before is 3, as it was.
    """
    started_s = time.monotonic()
    reader = OutcomeReader(path)
    report = Report(run_id=reader.run.run_id, env=reader.run.env, require_coverage=require_coverage)
    record = RunRecord.begin(report, kind=kind)
    tally = Tally()
    # Of a crawl's pages nobody could look for what it left unverified.
    outcomes = hoped_for(reader, tally) if kind == "verify-only" and not reader.run.public_url else reader
    with watching(progress, stream) as watcher:
        for outcome in watched(cross_check(outcomes, tally, VisitorKeys(reader.run)), watcher):
            report.add(outcome)
    report.extra["cross_check"] = {**tally.document(), "outcomes_cut": reader.cut}
    missing = tally.keys[Presence.MISSING] + tally.keys[Presence.UNREACHABLE]
    if missing and report.coverage < require_coverage:
        report.error = VerificationError(
            f"{missing} of {tally.keys.total()} keys that were reported as warm are gone; "
            f"coverage is {report.coverage:.3f} instead of {require_coverage:g}"
        )
    report.finish(time.monotonic() - started_s)
    record.finish(report)
    return report
