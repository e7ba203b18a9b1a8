"""Reads back what an outcome file reports as warm, and corrects what is not there any more.

Read-only: no value is written, none is computed. A page needs both its entries, the list of headers and the response:
it counts as gone when no cache that keeps it has both, or when the list leads elsewhere (`visitor_keys`). Where the
page is proven, its parts do not matter: nobody reads them while the page lives. Where it is not, any part that is gone
makes the outcome not stored.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.traces import KeyKind

from .presence import KeyId, Presence, Seen, TimesLeft, key_id, look_up
from .visitor_keys import VisitorKeys, by_alias

MAX_KEYS: Final = 1000
"""Keys that are asked for together, and outcomes too; one outcome may have more of them."""
MAX_EXAMPLES: Final = 20


@dataclass(slots=True)
class Tally:
    """What a cross-check found, for the report."""

    keys: Counter[Presence] = field(default_factory=Counter)
    corrected: int = 0
    without_keys: int = 0
    """Outcomes reported as warm that name no key, because their trace was cut: taken as they stand."""
    unverified_before: int = 0
    """Outcomes that the run itself did not read back."""
    secret_keys: int = 0
    """Outcomes reported as warm that have a digest in place of their key: nobody can look for those."""
    examples: list[dict[str, Any]] = field(default_factory=list)
    times: TimesLeft = field(default_factory=TimesLeft)
    """The least time that any of the entries has to live."""
    dead: set[str] = field(default_factory=set)
    """Aliases whose store did not answer, and is not asked again: each key would wait for a time-out of its own."""

    def document(self) -> dict[str, Any]:
        """The ``cross_check`` field of the report."""
        return {
            "keys": {presence.value: self.keys[presence] for presence in Presence},
            "corrected": self.corrected,
            "without_keys": self.without_keys,
            "unverified_before": self.unverified_before,
            "secret_keys": self.secret_keys,
            "time_left_s": {alias: round(left, 1) for alias, left in sorted(self.times.shortest_s.items())},
            "time_left_errors": dict(self.times.errors),
            "findings": self.examples,
        }


def cross_check(outcomes: Iterable[Outcome], tally: Tally, visitors: VisitorKeys | None = None) -> Iterator[Outcome]:
    """The outcomes as they are after their keys were read back, in bounded memory; counts go to ``tally``."""
    with tally.times.asking():
        for batch in _batches(outcomes):
            seen = look_up([state for _, states in batch for state in states], tally.dead)
            tally.times.note(seen)
            for outcome, states in batch:
                if _is_all_there(states, seen):
                    tally.keys[Presence.PRESENT] += len(states)
                    yield outcome
                    continue
                own = {key_id(state): seen[key_id(state)] for state in states}
                yield _checked(outcome, own | _unreachable(outcome, own, visitors), tally)


def hoped_for(outcomes: Iterable[Outcome], tally: Tally) -> Iterator[Outcome]:
    """The outcomes, with what was written and not read back taken for stored: `cross_check` says whether it is."""
    for outcome in outcomes:
        if outcome.result is not Result.UNVERIFIABLE or not outcome.keys:
            yield outcome
            continue
        tally.unverified_before += 1
        keys = tuple(replace(state, result=Result.STORED) for state in outcome.keys)
        yield replace(outcome, result=Result.STORED, reason="", detail="", keys=keys)


def _batches(outcomes: Iterable[Outcome]) -> Iterator[list[tuple[Outcome, list[KeyState]]]]:
    """Outcomes with the keys that they claim, as many as are asked for together."""
    batch: list[tuple[Outcome, list[KeyState]]] = []
    keys = 0
    for outcome in outcomes:
        batch.append((outcome, states := claimed(outcome)))
        keys += len(states)
        if max(keys, len(batch)) >= MAX_KEYS:
            yield batch
            batch, keys = [], 0
    if batch:
        yield batch


def _is_all_there(states: Sequence[KeyState], seen: Mapping[KeyId, Seen]) -> bool:
    """Whether nothing is left to be said: what `warm_cache` wrote is nearly always so. Pages need a closer look."""
    return bool(states) and all(
        state.kind is not KeyKind.PAGE and seen[key_id(state)].presence is Presence.PRESENT for state in states
    )


def _unreachable(outcome: Outcome, seen: Mapping[KeyId, Seen], visitors: VisitorKeys | None) -> dict[KeyId, Seen]:
    """Lists of headers that lead this outcome's visitors elsewhere."""
    found: dict[KeyId, Seen] = {}
    if visitors is None:
        return found
    pages = [state for state in claimed(outcome) if state.kind is KeyKind.PAGE]
    for header_lists, bodies in by_alias(pages).values():
        for state in header_lists:
            answer = seen[key_id(state)]
            keys = [body.key for body in bodies]
            if answer.presence is Presence.PRESENT and visitors.leads_elsewhere(outcome, state, answer.value, keys):
                headers = ", ".join(map(str, answer.value)) or "no header"
                found[key_id(state)] = Seen(Presence.UNREACHABLE, f"now varies on {headers}"[:160])
    return found


def claimed(outcome: Outcome) -> list[KeyState]:
    """The keys that a proven outcome says are there, and names."""
    if not outcome.result.is_proven:
        return []
    return [state for state in outcome.keys if state.result.is_proven and state.kind is not KeyKind.SECRET]


def _checked(outcome: Outcome, seen: dict[KeyId, Seen], tally: Tally) -> Outcome:
    states = claimed(outcome)
    if outcome.result.is_proven and any(state.kind is KeyKind.SECRET for state in outcome.keys):
        tally.secret_keys += 1
        # Neither proven nor refuted, so no part of what coverage is a share of.
        return replace(outcome, result=Result.UNVERIFIABLE, reason="secret-key", cacheable=False)
    if outcome.result.is_proven and not states:
        tally.without_keys += 1
    for state in states:
        answer = seen[key_id(state)]
        tally.keys[answer.presence] += 1
        _exemplify(outcome, state, answer, tally)
    corrected = correct(outcome, seen)
    tally.corrected += corrected.result is not outcome.result
    return corrected


def _exemplify(outcome: Outcome, state: KeyState, answer: Seen, tally: Tally) -> None:
    if answer.presence not in (Presence.PRESENT, Presence.PRIVATE) and len(tally.examples) < MAX_EXAMPLES:
        finding = {"url": outcome.host + outcome.url, "alias": state.alias, "key": state.key}
        tally.examples.append(finding | {"finding": answer.presence.value, "detail": answer.detail})


def correct(outcome: Outcome, seen: dict[KeyId, Seen]) -> Outcome:
    """The outcome in the light of what the stores said. Pure."""
    states = claimed(outcome)
    if not states:
        return outcome
    page_is_claimed = outcome.page is not None and outcome.page.is_proven
    pages = [state for state in states if state.kind is KeyKind.PAGE]
    page_is_decisive = page_is_claimed and bool(pages)
    copies = [[*lists, *bodies] for lists, bodies in by_alias(pages).values()] if page_is_decisive else [states]
    # One whole copy of the page is enough: caches around one another are asked in turn.
    verdicts = [_verdict([seen[key_id(state)] for state in copy], outcome.expires_at_s) for copy in copies]
    result, reason, detail = min(verdicts, key=lambda verdict: _WORST_LAST.index(verdict[0]))
    keys = tuple(_corrected_state(state, seen) for state in outcome.keys)
    if result is None:
        return replace(outcome, keys=keys)
    page = result if page_is_decisive else outcome.page
    return replace(outcome, result=result, reason=reason, detail=detail, page=page, keys=keys)


_WORST_LAST: Final = (None, Result.UNVERIFIABLE, Result.NOT_STORED)


def _verdict(answers: Sequence[Seen], expires_at_s: float | None) -> tuple[Result | None, str, str]:
    """The worst of the answers: gone, then unreadable, then out of sight; ``None`` when all is there."""
    by_presence = {answer.presence: answer for answer in answers}
    if Presence.MISSING in by_presence:
        return Result.NOT_STORED, "expired" if expires_at_s and time.time() >= expires_at_s else "evicted", ""
    if Presence.UNREACHABLE in by_presence:
        return Result.NOT_STORED, "key-differs", by_presence[Presence.UNREACHABLE].detail
    if Presence.UNREADABLE in by_presence:
        return Result.UNVERIFIABLE, "backend-error", by_presence[Presence.UNREADABLE].detail
    if Presence.PRIVATE in by_presence:
        return Result.UNVERIFIABLE, "private-store", ""
    return None, "", ""


def _corrected_state(state: KeyState, seen: dict[KeyId, Seen]) -> KeyState:
    answer = seen.get(key_id(state))
    if answer is None or not state.result.is_proven:
        return state
    result, _, _ = _verdict([answer], None)
    return state if result is None else replace(state, result=result)
