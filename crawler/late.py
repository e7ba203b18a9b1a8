"""The second look at the end of the run: what was proven warm, is it still there?

A cache that is too small evicts the first entries while the last are warmed. So some of what was proven, or all of it,
is asked for once more; what misses becomes ``not_stored`` in the outcome file and in the report (``evicted``,
``culled`` or ``expired``). A sample also gives an estimate for the rest, which decides whether the coverage that is
required still holds.

The outcome file is written anew beside the old one and replaces it when complete, so a killed run leaves either whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from url_manifests.errors import VerificationError
from url_manifests.outcomes import KeyState, Outcome, OutcomeReader, Result
from url_manifests.reasons import CACHE_DOWN, CACHE_INTERRUPTED
from url_manifests.traces import KeyEvent, Trace

from .answer import Answer
from .pages import is_still_served, pages, why_gone
from .parts import KeyIdentity, key_identity
from .plan import Planned
from .run import WarmRun
from .sample import Numbered

CHUNK: Final = 200
"""Outcomes that are held in memory at once while all are looked at."""

_GONE: Final = frozenset({KeyEvent.MISS, KeyEvent.STORED, KeyEvent.LOST})
Ask = Callable[[Planned], Awaitable[Answer]]


def look_again(outcome: Outcome, answer: Answer) -> Outcome | None:
    """A proven outcome in the light of one more answer, or ``None`` when that answer tells nothing. Pure."""
    if answer.leaks or answer.is_overload or (not answer.reason and answer.trace is None):
        return None
    if answer.reason:
        detail = f"late check: {answer.detail}".rstrip(": ")
        return replace(outcome, result=Result.FAILED, reason=answer.reason, detail=detail)
    assert answer.trace is not None
    events = {key_identity(key): key.event for key in answer.trace.keys}
    gone = {state for state in outcome.keys if events.get(_identity(state)) in _GONE}
    is_page = outcome.page is not None and outcome.page.is_proven
    if is_still_served(outcome, answer.trace) if is_page else not gone:
        return outcome
    keys = tuple(replace(state, result=Result.NOT_STORED) if state in gone else state for state in outcome.keys)
    page = Result.NOT_STORED if is_page else outcome.page
    reason = why_gone([_identity(state) for state in gone], outcome.expires_at_s, answer)
    if is_page and not gone and _has_other_pages(outcome, answer.trace):
        reason = "key-differs"
    if answer.trace.reason in (CACHE_DOWN, CACHE_INTERRUPTED):
        reason = answer.trace.reason  # The site knows that the store did not answer; it threw nothing out.
    return replace(outcome, result=Result.NOT_STORED, reason=reason, detail="late check", page=page, keys=keys)


def _identity(state: KeyState) -> KeyIdentity:
    return state.alias, state.key, state.version


def _has_other_pages(outcome: Outcome, trace: Trace) -> bool:
    known = set(map(_identity, outcome.keys))
    return any(key_identity(key) not in known for key in pages(trace))


class LateCheck:
    """Looks again at what a run has proven.

    Args:
        ask: sends one planned request.
    """

    def __init__(self, run: WarmRun, ask: Ask) -> None:
        self._run = run
        self._ask = ask
        self._room = asyncio.Semaphore(run.config.concurrency)
        self._asked = self._gone = self._failed = self._unanswered = 0
        self._weight_asked = self._weight_gone = 0.0

    async def verify(self) -> None:
        """Ask, correct what has to be, and note in the run when the required coverage is lost."""
        run = self._run
        mode = run.config.verify
        if not run.config.secret or not run.config.outcomes.is_file():
            return
        before, required = run.report.coverage, run.config.require_coverage
        if mode == "all":
            await self._rewrite(self._look_at)
        elif corrected := await self._look_at(run.ledger.sample.chosen):
            await self._rewrite(_lookup(corrected))
        still_there = 1 - self._weight_gone / self._weight_asked if self._weight_asked else 1.0
        coverage = min(run.report.coverage, before * still_there)
        run.late_check = self._document(mode, coverage)
        # Pages that are broken by now are below the required coverage (3), which says nothing of the caches (4).
        if self._gone and coverage < required <= before:
            run.fail(
                VerificationError(
                    f"{self._gone} of {self._asked} entries that were warm had gone by the end of the run, so "
                    f"coverage is {coverage:.1%}, not {before:.1%}; look at MAX_ENTRIES, memory limits and timeouts"
                )
            )

    def _document(self, mode: str, coverage: float) -> dict[str, Any]:
        return {
            "mode": mode,
            "asked": self._asked,
            "gone": self._gone,
            "failed": self._failed,
            "unanswered": self._unanswered,
            "coverage": round(coverage, 6),
        }

    async def _look_at(self, outcomes: Iterable[Numbered]) -> dict[int, Outcome]:
        """The outcomes that have to be corrected, by number."""
        # What pages load later weighs nothing, and was asked for with headers that the outcome does not tell.
        proven = [
            (number, outcome) for number, outcome in outcomes if outcome.result.is_proven and not outcome.found_in
        ]
        found = await asyncio.gather(*(self._look_at_one(outcome) for _, outcome in proven))
        return {number: now for (number, was), now in zip(proven, found, strict=True) if now is not was}

    async def _look_at_one(self, outcome: Outcome) -> Outcome:
        async with self._room:
            if self._run.is_stopping or self._run.remaining_s() <= 0:
                return outcome
            answer = await self._ask(self._run.visitors.again(outcome))
        now = look_again(outcome, answer)
        self._asked += 1
        if now is None:
            self._unanswered += 1
            return outcome
        if now.result is Result.FAILED:
            self._failed += 1
            return now
        self._weight_asked += outcome.weight
        if now is not outcome:
            self._gone += 1
            self._weight_gone += outcome.weight
        return now

    async def _rewrite(self, correct: Callable[[Iterable[Numbered]], Awaitable[dict[int, Outcome]]]) -> None:
        with self._run.ledger.rewriting() as record:
            for chunk in _chunks(enumerate(OutcomeReader(self._run.config.outcomes))):
                corrected = await correct(chunk)
                for number, outcome in chunk:
                    record(corrected.get(number, outcome))
                await asyncio.sleep(0)


def _lookup(corrected: dict[int, Outcome]) -> Callable[[Iterable[Numbered]], Awaitable[dict[int, Outcome]]]:
    async def correct(_chunk: Iterable[Numbered]) -> dict[int, Outcome]:
        return corrected

    return correct


def _chunks(outcomes: Iterator[Numbered]) -> Iterator[list[Numbered]]:
    while chunk := list(islice(outcomes, CHUNK)):
        yield chunk
