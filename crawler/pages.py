"""Whether a request was served from a page cache, and why what was stored was not found again. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from url_manifests.outcomes import Outcome, Result
from url_manifests.traces import HEADER_LIST_PREFIX, KeyEvent, KeyKind, Trace, TracedKey

from . import extras
from .answer import Answer
from .parts import KeyIdentity, PartStates, key_identity

_ROUNDED_S: Final = 0.5
"""Times to live travel as whole seconds."""


def pages(trace: Trace) -> list[TracedKey]:
    """The keys of Django's page caches."""
    return [key for key in trace.keys if key.kind is KeyKind.PAGE]


def page_hit(trace: Trace) -> bool:
    """Whether the page came from a cache that other processes read too.

    A site that has cache middleware around ``cache_page`` looks into two. The outer one may never keep the page (a
    middleware between them sets a cookie; or the inner one has it, and Django stores no hit a second time): then all
    that happens there is a miss, though it may know what the page varies on, and the inner one still answers.
    """
    return _is_hit(key for key in pages(trace) if key.alias not in trace.private_aliases)


def _is_hit(keys: Iterable[TracedKey]) -> bool:
    events: defaultdict[bool, set[KeyEvent]] = defaultdict(set)
    for key in keys:
        events[key.key.startswith(HEADER_LIST_PREFIX)].add(key.event)
    return KeyEvent.HIT in events[False] and set().union(*events.values()) <= {KeyEvent.HIT, KeyEvent.MISS}


def is_served(outcome: Outcome, trace: Trace) -> bool:
    """Whether the process that answered took the page, or all parts that lie with it, out of its own memory."""
    if outcome.page is Result.UNVERIFIABLE:
        return _is_hit(pages(trace))
    own = {(s.alias, s.key, s.version) for s in outcome.keys if s.result is Result.UNVERIFIABLE}
    events = {key.event for key in trace.keys if key_identity(key) in own}
    return events == {KeyEvent.HIT}


def is_still_served(outcome: Outcome, trace: Trace) -> bool:
    """Whether a page that was proven is a hit once more."""
    states = [state for state in outcome.keys if state.kind is KeyKind.PAGE]
    if states and all(state.result is Result.UNVERIFIABLE for state in states):
        return _is_hit(pages(trace))  # proven worker by worker
    return page_hit(trace)


def has_only_private_pages(trace: Trace) -> bool:
    """Whether the page's keys lie where no other process looks."""
    found = pages(trace)
    return bool(found) and all(key.alias in trace.private_aliases for key in found)


def why_missing(first: Answer, last: Answer) -> str:
    """Why a page that nothing forbids to store was no hit when it was asked for again; a name of ``REASONS``."""
    assert first.trace is not None
    assert last.trace is not None
    found = [*pages(first.trace), *pages(last.trace)]
    if any(key.event is KeyEvent.LOST for key in found):
        return "refused-by-backend"
    before, after = _stored(first.trace), _stored(last.trace)
    if before and after and before != after:
        return "key-differs"
    if not before:
        return "not-looked-up"
    return _why_lost(before, first, last, KeyKind.PAGE)


def why_parts_are_lost(parts: PartStates, first: Answer, last: Answer) -> str:
    """Why parts that were written were not there when they were looked up again; a name of ``REASONS``."""
    if parts.is_refused:
        return "refused-by-backend"
    return _why_lost({(s.alias, s.key, s.version) for s in parts.lost}, first, last, KeyKind.PART)


def _why_lost(keys: Collection[KeyIdentity], first: Answer, last: Answer, kind: KeyKind) -> str:
    assert first.trace is not None
    assert last.trace is not None
    # A cache may make another key of the same name: by a key function, or a version that moves.
    if any(_are_made_differently(first.trace, last.trace, alias) for alias, _, _ in keys):
        return "key-differs"
    return why_gone(keys, expires_at_s(first, kind), last)


def why_gone(keys: Collection[KeyIdentity], expires_at_s: float | None, answer: Answer) -> str:
    """Why entries that were there are not there any more; a name of ``REASONS``.

    Args:
        expires_at_s: when the application lets the first of them end, Unix time.
        answer: to the request that found them gone.
    """
    if expires_at_s is not None and answer.answered_at_s >= expires_at_s - _ROUNDED_S:
        return "expired"
    trace = answer.trace
    return "culled" if trace and any(extras.fill(trace, alias) for alias, _, _ in keys) else "evicted"


def expires_at_s(answer: Answer, kind: KeyKind) -> float | None:
    """When the first of what a request wrote ends, Unix time; ``None`` for never, or unknown."""
    left_s = extras.ttl_s(answer.trace, kind) if answer.trace else None
    return None if left_s is None else answer.answered_at_s + left_s


def _stored(trace: Trace) -> set[KeyIdentity]:
    return {key_identity(key) for key in pages(trace) if key.event is KeyEvent.STORED}


def _are_made_differently(first: Trace, last: Trace, alias: str) -> bool:
    before, after = extras.key_print(first, alias), extras.key_print(last, alias)
    return bool(before and after) and before != after
