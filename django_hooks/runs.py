"""What ``manage.py warm_cache`` does, without its command line: warm, cross-check, list. Each gives a report."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from os import PathLike
from typing import TextIO

from url_manifests.errors import SiteProtectionError, VerificationError
from url_manifests.outcomes import Outcome, OutcomeReader
from url_manifests.report import Report

from . import conf
from .crosscheck import Presence, Tally, cross_check
from .engine import Engine, RunOptions
from .engine.plan import Planned, failure
from .progress import watched, watching
from .visitor_keys import VisitorKeys
from .warmers import Registry, Warmer


def warm(
    warmers: Iterable[Warmer],
    options: RunOptions,
    *,
    broken: dict[str, str],
    require_coverage: float,
    progress: str,
    stream: TextIO,
) -> Report:
    """Warm, and count what came of it.

    Ctrl-C or SIGTERM ends the run with exit code 5 and a report of the batches that were complete; what was written of
    the next one stands, and the next run finds it.
    """
    started_s = time.monotonic()
    report = Report(run_id=new_run_id(), env=conf.get("ENV"), require_coverage=require_coverage)
    try:
        with _sigterm_as_ctrl_c(), watching(progress, stream) as watcher:
            for outcome in watched(_outcomes(warmers, options, broken), watcher):
                report.add(outcome)
    except KeyboardInterrupt:
        report.error = SiteProtectionError("stopped by a signal; run again, and what is warm is left alone")
    report.finish(time.monotonic() - started_s)
    return report


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may set signal handlers; an embedding program keeps its own.
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _outcomes(warmers: Iterable[Warmer], options: RunOptions, broken: dict[str, str]) -> Iterator[Outcome]:
    for module, problem in broken.items():
        yield failure(module, "warmer-broken", problem)
    yield from Engine(options).run(warmers)


def new_run_id() -> str:
    """A name that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def check(path: str | PathLike[str], *, require_coverage: float, progress: str, stream: TextIO) -> Report:
    """Read back what an outcome file reports as warm; the report is the run's, corrected.

    Something that is gone makes it fail with exit code 4 when what is left covers less than required; when it still
    covers enough, the findings are listed and the verdict stands. What was not covered before is 3, as it was.
    """
    started_s = time.monotonic()
    reader = OutcomeReader(path)
    report = Report(run_id=reader.run.run_id, env=reader.run.env, require_coverage=require_coverage)
    tally = Tally()
    with watching(progress, stream) as watcher:
        for outcome in watched(cross_check(reader, tally, VisitorKeys(reader.run)), watcher):
            report.add(outcome)
    report.extra["cross_check"] = {**tally.document(), "outcomes_cut": reader.cut}
    missing = tally.keys[Presence.MISSING] + tally.keys[Presence.UNREACHABLE]
    if missing and report.coverage < require_coverage:
        report.error = VerificationError(
            f"{missing} of {tally.keys.total()} keys that were reported as warm are gone; "
            f"coverage is {report.coverage:.3f} instead of {require_coverage:g}"
        )
    report.finish(time.monotonic() - started_s)
    return report


def plan_lines(warmers: Iterable[Warmer], options: RunOptions) -> Iterator[str]:
    """What a run would look at, a line for each key and one for each warmer; nothing is computed or asked."""
    engine = Engine(options)
    for warmer in warmers:
        count = 0
        for planned in engine.plan(warmer):
            count += 1
            yield _plan_line(planned)
        yield f"{warmer.name}: {count} entries"


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
