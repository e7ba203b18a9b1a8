"""The last words of a run, for people: counts, coverage, the chief reasons with examples and hints. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from url_manifests.outcomes import Result
from url_manifests.reasons import REASONS
from url_manifests.report import Report

if TYPE_CHECKING:
    from .run import WarmRun

MACHINE_ONLY: Final = "this machine only"
"""How a run's note on its lock begins when the site keeps none."""
REASONS_SHOWN: Final = 5


def summary_lines(run: WarmRun) -> Iterator[str]:
    """The summary, line by line."""
    report, config = run.report, run.config
    yield f"warm {config.env}: {report.outcome}, exit code {int(report.exit_code)}"
    yield f"  {report.planned} planned: {count_words(report.results)}"
    yield (
        f"  coverage {report.coverage:.1%} of what may be cached, {report.coverage_all:.1%} of all "
        f"(required: {report.require_coverage:.1%})"
    )
    yield from _reason_lines(report)
    for header, told in run.varying.document().items():
        yield (
            f"  pages vary on {header} (such as {told['routes'][0]}): warm for visitors who send the very same, "
            "and for no others; build the manifest with --vary-on"
        )
    allowed = f"{run.load.mean_rate:.1f} allowed" if config.rate else "no limit"
    yield (
        f"  {run.traffic.sent} requests in {duration_words(report.elapsed_s)}, "
        f"{run.traffic.rate:.1f}/s ({allowed}), {run.traffic.retries} retried"
    )
    if config.sign_in_as:
        yield "  the sessions of the sign-in form live until they expire: signing out would be another POST"
    if config.secret and run.lock_note.startswith(MACHINE_ONLY):
        yield f"  a crawl on another machine would not have been noticed ({run.lock_note.partition(': ')[2]})"
    yield f"  report: {config.report}   outcomes: {config.outcomes}"


def _reason_lines(report: Report) -> Iterator[str]:
    cold = report.reasons - report.page_reasons
    for reason, count in cold.most_common(REASONS_SHOWN):
        known = REASONS.get(reason)
        yield f"  {count} {reason}: {known.text} {known.hint}" if known else f"  {count} {reason}"
        if examples := report.examples.get(reason):
            yield f"      e.g. {examples[0]}"
    if (more := len(cold) - REASONS_SHOWN) > 0:
        yield f"  and {more} more reasons in the report"
    if report.page_reasons:
        counts = ", ".join(f"{count} {reason}" for reason, count in report.page_reasons.most_common(REASONS_SHOWN))
        yield f"  pages that the site never stores, whose parts are warm: {counts}"


def count_words(results: Mapping[Result, int]) -> str:
    """``3 stored, 2 failed``: the results that occurred, in their order."""
    words = [f"{results[result]} {result.replace('_', ' ')}" for result in Result if results[result]]
    return ", ".join(words) or "nothing yet"


def duration_words(seconds: float) -> str:
    """``4.2 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    return f"{minutes} min {rest_s} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
