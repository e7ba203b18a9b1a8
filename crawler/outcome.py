"""From the answers to an outcome: what was proven for one planned request. Pure.

A page is asked for once, and once again with the same headers. What the site says about each cache key of both requests
gives a result for the page and for each *part* (fragment, row, low-level key); those together give the outcome:

====================================  ===========================================  ==============================
the page                              its parts                                    outcome
====================================  ===========================================  ==============================
hit by the first request              any                                          already_warm
hit by the second                     any                                          stored
in a store only one process sees      any                                          unverifiable
should be cached, but was not kept    any                                          not_stored, cacheable
not cacheable by the application      none                                         not_stored, not cacheable
                                      all there before                             already_warm, the page's reason
                                      some stored, none lost, one hit afterwards   stored, the page's reason
                                      some lost, or none ever hit                  not_stored, cacheable
                                      all in a store only one process sees         unverifiable
====================================  ===========================================  ==============================

A page that a persona stored is kept under its session, for nobody else: it counts as not cacheable (``per-session``),
unless its keys are those that the anonymous visitor's page was proven by.

No usable answer is ``failed``; an answer without a trace is ``unverifiable``: rule one is "proven, not assumed".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.reasons import REASONS
from url_manifests.traces import KeyEvent, KeyKind

from .answer import Answer
from .pages import expires_at_s, has_only_private_pages, page_hit, pages, why_missing, why_parts_are_lost
from .parts import KeyIdentity, PartStates, join_parts, key_identity
from .plan import Planned

_KEPT_EVENTS: Final = frozenset({KeyEvent.HIT, KeyEvent.STORED, KeyEvent.LOST})


@dataclass(frozen=True, slots=True)
class _Verdict:
    result: Result
    reason: str = ""
    detail: str = ""


Keys = frozenset[KeyIdentity]


def needs_second_request(first: Answer) -> bool:
    """Whether the first answer leaves open what a second one could tell."""
    if first.reason or first.trace is None:
        return False
    trace = first.trace
    if trace.page_hit or page_hit(trace):
        return False
    if _is_by_application(_page_reason(first)):
        return any(key.event in (KeyEvent.STORED, KeyEvent.LOST) for key in trace.keys if key.kind is KeyKind.PART)
    return True


def has_recovered(first: Answer, second: Answer) -> bool:
    """Whether a store lost something of the first request and kept the same of the second.

    It failed for a moment: a locked database, a failover. The second then stands for the first, and a third for proof.
    """
    if first.trace is None or second.trace is None:
        return False
    kept = {key_identity(key) for key in second.trace.keys if key.event is KeyEvent.STORED}
    return any(key_identity(key) in kept for key in first.trace.keys if key.event is KeyEvent.LOST)


def judge(planned: Planned, first: Answer, second: Answer | None = None, shared: Keys = frozenset()) -> Outcome:
    """How one planned request ended, from its first answer and, if it was needed, its second.

    Args:
        shared: keys of the entry's page that were proven for anonymous visitors, for a persona's request.
    """
    last = second or first
    if planned.persona:
        first, second = _without_sessionpages(first, shared), second and _without_sessionpages(second, shared)
    verdict, page, keys = _judge_answers(first, second)
    return Outcome(
        url=planned.entry.url,
        host=planned.entry.host,
        profile=planned.profile,
        persona=planned.persona,
        found_in=planned.found_in,
        result=verdict.result,
        reason=verdict.reason,
        detail=verdict.detail,
        weight=planned.weight,
        cacheable=not (verdict.result is Result.NOT_STORED and _is_by_application(verdict.reason)),
        status=last.status,
        page=page,
        cold_ms=first.elapsed_ms or None,
        warm_ms=(second.elapsed_ms or None) if second else None,
        expires_at_s=_first_end_s(first, second, page) if verdict.result.is_proven else None,
        keys=keys,
        number=planned.position,
    )


def _first_end_s(first: Answer, second: Answer | None, page: Result | None) -> float | None:
    kind = KeyKind.PAGE if page is not None and page.is_proven else KeyKind.PART
    ends_s = (expires_at_s(answer, kind) for answer in (first, second) if answer)
    return min((end_s for end_s in ends_s if end_s is not None), default=None)


def skipped(planned: Planned, reason: str) -> Outcome:
    """The outcome of a planned request that was never answered because the run ended, or left it out."""
    return Outcome(
        url=planned.entry.url,
        host=planned.entry.host,
        profile=planned.profile,
        persona=planned.persona,
        found_in=planned.found_in,
        result=Result.SKIPPED,
        reason=reason,
        weight=planned.weight,
        # An option narrowed the plan: the coverage that is required is that of what was meant. `coverage_all` still
        # counts the rest.
        cacheable=reason != "excluded",
        number=planned.position,
    )


def _without_sessionpages(answer: Answer, shared: Keys) -> Answer:
    """A persona's answer without the page's keys, unless everybody shares them."""
    trace = answer.trace
    own = pages(trace) if trace else []
    if trace is None or not own or all(key_identity(key) in shared for key in own):
        return answer
    others = tuple(key for key in trace.keys if key.kind is not KeyKind.PAGE)
    return replace(answer, trace=replace(trace, keys=others, reason=trace.reason or "per-session"))


def _judge_answers(first: Answer, second: Answer | None) -> tuple[_Verdict, Result | None, tuple[KeyState, ...]]:
    for number, answer in enumerate((first, second), start=1):
        if answer and (verdict := _judge_unusable(answer, number)):
            return verdict, None, ()
    assert first.trace is not None
    page = _judge_page(first, second)
    parts = join_parts(first.trace, second.trace if second else None)
    verdict = _judge_whole(page, parts, first, second)
    return verdict, page.result, (*_page_keys(page.result, first, second), *parts.states)


def _judge_unusable(answer: Answer, number: int) -> _Verdict | None:
    asked_again = "asked again: " if number == 2 else ""
    if answer.reason:
        detail = answer.detail or (f"to {answer.location}" if answer.location else "")
        return _Verdict(Result.FAILED, answer.reason, (asked_again + detail).strip())
    if answer.is_trace_broken:
        return _Verdict(Result.UNVERIFIABLE, "trace-unreadable", asked_again.rstrip(": "))
    if answer.trace is None:
        if answer.is_redirect:
            return _Verdict(Result.NOT_STORED, "redirect", f"to {answer.location}")
        return _Verdict(Result.UNVERIFIABLE, "trace-missing", asked_again.rstrip(": "))
    return None


def _judge_page(first: Answer, second: Answer | None) -> _Verdict:
    assert first.trace is not None
    last = second.trace if second and second.trace else first.trace
    if first.is_redirect:
        # Whatever its parts are, and whatever a cache of the site's own says: a visitor gets no page from here.
        return _Verdict(Result.NOT_STORED, "redirect", f"to {first.location}")
    if page_hit(first.trace) or page_hit(last):
        return _Verdict(Result.ALREADY_WARM if page_hit(first.trace) else Result.STORED)
    reason = (_page_reason(second) if second else "") or _page_reason(first)
    if _is_by_application(reason):
        return _Verdict(Result.NOT_STORED, reason)
    if has_only_private_pages(first.trace):
        return _Verdict(Result.UNVERIFIABLE, "private-store")
    if not reason and first.trace.omitted and not pages(first.trace):
        return _Verdict(Result.UNVERIFIABLE, "trace-cut")
    return _Verdict(Result.NOT_STORED, reason or why_missing(first, second or first))


def _page_reason(answer: Answer) -> str:
    """Why the page itself was not stored: the site's word, else what its status says."""
    reason = answer.trace.reason if answer.trace else ""
    if reason:
        return reason
    if answer.is_redirect:
        return "redirect"
    return "" if answer.status in (200, 304) else "status"


def _judge_whole(page: _Verdict, parts: PartStates, first: Answer, second: Answer | None) -> _Verdict:
    if page.result is Result.STORED and parts.lost:
        return _Verdict(Result.STORED, "", f"{len(parts.lost)} of its parts were not kept")
    if not (page.result is Result.NOT_STORED and _is_by_application(page.reason)):
        return page
    if not parts.states:
        is_cut = first.trace is not None and first.trace.omitted
        return _Verdict(Result.UNVERIFIABLE, "trace-cut") if is_cut else page
    if parts.lost:
        reason = why_parts_are_lost(parts, first, second or first)
        return _Verdict(Result.NOT_STORED, reason, f"{len(parts.lost)} of {len(parts.states)} parts")
    return _judge_parts(page, parts)


def _judge_parts(page: _Verdict, parts: PartStates) -> _Verdict:
    """What parts that were all kept prove where the application does not let the page itself be cached."""
    results = {state.result for state in parts.states}
    if results == {Result.UNVERIFIABLE}:
        return _Verdict(Result.UNVERIFIABLE, "private-store", page.reason)
    if results == {Result.ALREADY_WARM}:
        return _Verdict(Result.ALREADY_WARM, page.reason, page.detail)
    if not parts.was_hit and page.reason != "per-session":
        # The view ran twice and found nothing of what it had stored: its keys change with every request. (Where the
        # second answer came out of the session's own page, the view ran once: the site's read-back has to do.)
        return _Verdict(Result.NOT_STORED, "key-differs", "of its parts")
    return _Verdict(Result.STORED, page.reason, page.detail)


def _page_keys(result: Result, first: Answer, second: Answer | None) -> Iterable[KeyState]:
    """The page's own keys that a store was asked to hold: of the request that proves them, else of both.

    Caches around one another each keep a copy; the second request stops at the first that has one.
    """
    traces = [answer.trace for answer in (first, second) if answer and answer.trace]
    found = {key_identity(key): key for trace in traces for key in pages(trace) if key.event in _KEPT_EVENTS}
    if result.is_proven:
        proving = [key for key in pages(traces[-1]) if key.event in _KEPT_EVENTS]
        aliases = {key.alias for key in proving}
        copies = [k for k in found.values() if k.event is KeyEvent.STORED and k.alias not in aliases]
        found = {key_identity(key): key for key in (*proving, *copies)}
    for (alias, name, version), key in found.items():
        is_private = all(alias in trace.private_aliases for trace in traces)
        own = Result.UNVERIFIABLE if is_private else result
        yield KeyState(alias=alias, key=name, version=version, kind=key.kind, result=own)


def _is_by_application(reason: str) -> bool:
    return reason in REASONS and REASONS[reason].by_application
