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

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.reasons import REASONS
from url_manifests.traces import KeyEvent, KeyKind, Trace, TracedKey

from .answer import Answer
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


def judge(planned: Planned, first: Answer, second: Answer | None = None, shared: Keys = frozenset()) -> Outcome:
    """How one planned request ended, from its first answer and, if it was needed, its second.

    Args:
        shared: keys of the entry's page that were proven for anonymous visitors, for a persona's request.
    """
    last = second or first
    if planned.persona:
        first, second = _without_session_pages(first, shared), second and _without_session_pages(second, shared)
    verdict, page, keys = _judge_answers(first, second)
    return Outcome(
        url=planned.entry.url,
        host=planned.entry.host,
        profile=planned.profile,
        persona=planned.persona,
        result=verdict.result,
        reason=verdict.reason,
        detail=verdict.detail,
        weight=planned.weight,
        cacheable=not (verdict.result is Result.NOT_STORED and _is_by_application(verdict.reason)),
        status=last.status,
        page=page,
        cold_ms=first.elapsed_ms or None,
        warm_ms=(second.elapsed_ms or None) if second else None,
        keys=keys,
    )


def skipped(planned: Planned, reason: str) -> Outcome:
    """The outcome of a planned request that was never answered because the run ended, or left it out."""
    return Outcome(
        url=planned.entry.url,
        host=planned.entry.host,
        profile=planned.profile,
        persona=planned.persona,
        result=Result.SKIPPED,
        reason=reason,
        weight=planned.weight,
        # An option narrowed the plan: the coverage that is required is that of what was meant. `coverage_all` still
        # counts the rest.
        cacheable=reason != "excluded",
    )


def _without_session_pages(answer: Answer, shared: Keys) -> Answer:
    """A persona's answer without the page's keys, unless everybody shares them."""
    trace = answer.trace
    pages = _pages(trace) if trace else []
    if trace is None or not pages or all(key_identity(key) in shared for key in pages):
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
    verdict = _judge_whole(page, parts, is_cut=bool(first.trace.omitted))
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
    if _has_only_private_pages(first.trace):
        return _Verdict(Result.UNVERIFIABLE, "private-store")
    if not reason and first.trace.omitted and not _pages(first.trace):
        return _Verdict(Result.UNVERIFIABLE, "trace-cut")
    return _Verdict(Result.NOT_STORED, reason or _why_missing(first.trace, last))


def _page_reason(answer: Answer) -> str:
    """Why the page itself was not stored: the site's word, else what its status says."""
    reason = answer.trace.reason if answer.trace else ""
    if reason:
        return reason
    if answer.is_redirect:
        return "redirect"
    return "" if answer.status in (200, 304) else "status"


def _why_missing(first: Trace, last: Trace) -> str:
    """Why a page that nothing forbids to store was no hit when it was asked for again."""
    pages = [*_pages(first), *_pages(last)]
    if any(key.event is KeyEvent.LOST for key in pages):
        return "refused-by-backend"
    stored_first, stored_last = ({key_identity(key) for key in _stored(_pages(trace))} for trace in (first, last))
    if stored_first and stored_last and stored_first != stored_last:
        return "key-differs"
    return "evicted" if stored_first else "not-looked-up"


def _judge_whole(page: _Verdict, parts: PartStates, *, is_cut: bool) -> _Verdict:
    if page.result is Result.STORED and parts.lost:
        return _Verdict(Result.STORED, "", f"{len(parts.lost)} of its parts were not kept")
    if not (page.result is Result.NOT_STORED and _is_by_application(page.reason)):
        return page
    if not parts.states:
        return _Verdict(Result.UNVERIFIABLE, "trace-cut") if is_cut else page
    return _judge_parts(page, parts)


def _judge_parts(page: _Verdict, parts: PartStates) -> _Verdict:
    """What the parts prove where the application does not let the page itself be cached."""
    results = {state.result for state in parts.states}
    if parts.lost:
        return _Verdict(Result.NOT_STORED, parts.lost_reason, f"{len(parts.lost)} of {len(parts.states)} parts")
    if results == {Result.UNVERIFIABLE}:
        return _Verdict(Result.UNVERIFIABLE, "private-store")
    if results == {Result.ALREADY_WARM}:
        return _Verdict(Result.ALREADY_WARM, page.reason, page.detail)
    if not parts.was_hit and page.reason != "per-session":
        # The view ran twice and found nothing of what it had stored: its keys change with every request. (Where the
        # second answer came out of the session's own page, the view ran once: the site's read-back has to do.)
        return _Verdict(Result.NOT_STORED, "key-differs", "of its parts")
    return _Verdict(Result.STORED, page.reason, page.detail)


def _page_keys(result: Result, first: Answer, second: Answer | None) -> Iterable[KeyState]:
    """The page's own keys that a store was asked to hold: of the request that proves them, else of both."""
    traces = [answer.trace for answer in (first, second) if answer and answer.trace]
    if result.is_proven:
        traces = traces[-1:]
    keys = {key_identity(key): key for trace in traces for key in _pages(trace) if key.event in _KEPT_EVENTS}
    for (alias, name, version), key in keys.items():
        is_private = all(alias in trace.private_aliases for trace in traces)
        own = Result.UNVERIFIABLE if is_private else result
        yield KeyState(alias=alias, key=name, version=version, kind=key.kind, result=own)


def page_hit(trace: Trace) -> bool:
    """Whether the page came from a cache that other processes read too.

    A site that has cache middleware around ``cache_page`` looks into two. The outer one may never keep the page (a
    middleware between them sets a cookie): then all that happens there is a miss, and the inner one still answers.
    """
    shared = [key for key in _pages(trace) if key.alias not in trace.private_aliases]
    events: defaultdict[str, set[KeyEvent]] = defaultdict(set)
    for key in shared:
        events[key.alias].add(key.event)
    return {KeyEvent.HIT} in events.values() and all(e in ({KeyEvent.HIT}, {KeyEvent.MISS}) for e in events.values())


def _pages(trace: Trace) -> list[TracedKey]:
    return [key for key in trace.keys if key.kind is KeyKind.PAGE]


def _stored(keys: Iterable[TracedKey]) -> Iterable[TracedKey]:
    return (key for key in keys if key.event is KeyEvent.STORED)


def _has_only_private_pages(trace: Trace) -> bool:
    pages = _pages(trace)
    return bool(pages) and all(key.alias in trace.private_aliases for key in pages)


def _is_by_application(reason: str) -> bool:
    return reason in REASONS and REASONS[reason].by_application
