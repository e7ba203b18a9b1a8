"""Reads back what an outcome file reports as warm, and corrects what is not there any more.

Read-only: no value is written, none is computed. A page needs both its entries, the list of headers and the response:
it counts as gone when no cache that keeps it has both, or when the list leads elsewhere (`visitor_keys`). Where the
page is proven, its parts do not matter: nobody reads them while the page lives. Where it is not, any part that is gone
makes the outcome not stored.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from django.core.cache import InvalidCacheBackendError, caches
from django.http.response import HttpResponseBase

from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.traces import HEADER_LIST_PREFIX, KeyKind

from . import stores
from .backends import shortest_time_left_s
from .recorder import PAGE_BODY_PREFIX
from .visitor_keys import VisitorKeys, by_alias

BATCH: Final = 20
"""Outcomes whose keys are read together."""
MAX_EXAMPLES: Final = 20


_KeyId = tuple[str, str, int | str | None]


class Presence(Enum):
    """What the store said about a key."""

    PRESENT = "present"
    MISSING = "missing"
    UNREACHABLE = "unreachable"
    """There, but its visitors are led to another key."""
    PRIVATE = "private"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Seen:
    """The answer for one key."""

    presence: Presence
    detail: str = ""
    value: Any = None
    """Of a list of headers."""


@dataclass(slots=True)
class Tally:
    """What a cross-check found, for the report."""

    keys: Counter[Presence] = field(default_factory=Counter)
    corrected: int = 0
    without_keys: int = 0
    """Outcomes reported as warm that name no key, because their trace was cut: taken as they stand."""
    examples: list[dict[str, Any]] = field(default_factory=list)
    time_left_s: dict[str, float] = field(default_factory=dict)
    """Alias → the least time that any of the entries has to live, where the backend can tell."""
    time_errors: Counter[str] = field(default_factory=Counter)
    """Exceptions of backends that were asked for it, by class."""
    dead: set[str] = field(default_factory=set)
    """Aliases whose store did not answer, and is not asked again: each key would wait for a time-out of its own."""

    def document(self) -> dict[str, Any]:
        """The ``cross_check`` field of the report."""
        return {
            "keys": {presence.value: self.keys[presence] for presence in Presence},
            "corrected": self.corrected,
            "without_keys": self.without_keys,
            "time_left_s": {alias: round(left, 1) for alias, left in sorted(self.time_left_s.items())},
            "time_left_errors": dict(self.time_errors),
            "findings": self.examples,
        }


def cross_check(outcomes: Iterable[Outcome], tally: Tally, visitors: VisitorKeys | None = None) -> Iterator[Outcome]:
    """The outcomes as they are after their keys were read back, in bounded memory; counts go to ``tally``."""
    for batch in stores.batches(outcomes, BATCH):
        states = [state for outcome in batch for state in claimed(outcome)]
        seen = look_up(states, tally.dead)
        _note_time_left(seen, tally)
        for outcome in batch:
            own = {_key_id(state): seen[_key_id(state)] for state in claimed(outcome)}
            yield _checked(outcome, own | _unreachable(outcome, own, visitors), tally)


def _unreachable(outcome: Outcome, seen: Mapping[_KeyId, Seen], visitors: VisitorKeys | None) -> dict[_KeyId, Seen]:
    """Lists of headers that lead this outcome's visitors elsewhere."""
    found: dict[_KeyId, Seen] = {}
    if visitors is None:
        return found
    pages = [state for state in claimed(outcome) if state.kind is KeyKind.PAGE]
    for header_lists, bodies in by_alias(pages).values():
        for state in header_lists:
            answer = seen[_key_id(state)]
            keys = [body.key for body in bodies]
            if answer.presence is Presence.PRESENT and visitors.leads_elsewhere(outcome, state, answer.value, keys):
                headers = ", ".join(map(str, answer.value)) or "no header"
                found[_key_id(state)] = Seen(Presence.UNREACHABLE, f"now varies on {headers}"[:160])
    return found


def claimed(outcome: Outcome) -> list[KeyState]:
    """The keys that a proven outcome says are there."""
    return [state for state in outcome.keys if state.result.is_proven] if outcome.result.is_proven else []


def _key_id(state: KeyState) -> _KeyId:
    return (state.alias, state.key, state.version)


def look_up(states: Sequence[KeyState], dead: set[str]) -> dict[_KeyId, Seen]:
    """Ask the stores, in one read for each alias and version; those that do not answer are added to ``dead``."""
    groups: dict[tuple[str, int | str | None], dict[str, None]] = defaultdict(dict)
    for state in states:
        groups[state.alias, state.version][state.key] = None
    return {
        (alias, key, version): answer
        for (alias, version), keys in groups.items()
        for key, answer in _look_up_in(alias, list(keys), version, dead).items()
    }


def _look_up_in(alias: str, keys: list[str], version: int | str | None, dead: set[str]) -> dict[str, Seen]:
    if alias in dead:
        return dict.fromkeys(keys, Seen(Presence.UNREADABLE, stores.NOT_TRIED))
    try:
        cache = caches[alias]
    except InvalidCacheBackendError:
        return dict.fromkeys(keys, Seen(Presence.UNREADABLE, f"no cache has the alias {alias!r} here"))
    except Exception as error:  # noqa: BLE001 - a backend's constructor may raise anything; each key is reported
        return dict.fromkeys(keys, Seen(Presence.UNREADABLE, stores.describe(error)))
    if stores.keeps_to_itself(cache):
        return dict.fromkeys(keys, Seen(Presence.PRIVATE))
    found = stores.read_back(cache, keys, version)
    if found.gave_up:
        dead.add(alias)
    return {key: _seen(key, found) for key in keys}


def _note_time_left(seen: dict[_KeyId, Seen], tally: Tally) -> None:
    groups: dict[tuple[str, int | str | None], list[str]] = defaultdict(list)
    for (alias, key, version), answer in seen.items():
        if answer.presence is Presence.PRESENT:
            groups[alias, version].append(key)
    for (alias, version), keys in groups.items():
        try:
            left = shortest_time_left_s(alias, keys, version)
        except Exception as error:  # noqa: BLE001 - counted; the entries are there all the same
            tally.time_errors[type(error).__name__] += 1
            left = None
        if left is not None:
            tally.time_left_s[alias] = min(left, tally.time_left_s.get(alias, left))


def _seen(key: str, found: stores.ReadBack) -> Seen:
    if key in found.values:
        value = found.values[key]
        is_list = key.startswith(HEADER_LIST_PREFIX)
        # Django takes for a page whatever it finds there, and answers visitors with an error.
        if not isinstance(value, list if is_list else HttpResponseBase if key.startswith(PAGE_BODY_PREFIX) else object):
            return Seen(Presence.UNREADABLE, f"{type(value).__name__} stands where the page cache keeps its own")
        return Seen(Presence.PRESENT, value=value if is_list else None)
    if key in found.unreadable:
        return Seen(Presence.UNREADABLE, found.unreadable[key])
    return Seen(Presence.MISSING)


def _checked(outcome: Outcome, seen: dict[_KeyId, Seen], tally: Tally) -> Outcome:
    states = claimed(outcome)
    if outcome.result.is_proven and not states:
        tally.without_keys += 1
    for state in states:
        answer = seen[_key_id(state)]
        tally.keys[answer.presence] += 1
        _exemplify(outcome, state, answer, tally)
    corrected = correct(outcome, seen)
    tally.corrected += corrected.result is not outcome.result
    return corrected


def _exemplify(outcome: Outcome, state: KeyState, answer: Seen, tally: Tally) -> None:
    if answer.presence not in (Presence.PRESENT, Presence.PRIVATE) and len(tally.examples) < MAX_EXAMPLES:
        finding = {"url": outcome.host + outcome.url, "alias": state.alias, "key": state.key}
        tally.examples.append(finding | {"finding": answer.presence.value, "detail": answer.detail})


def correct(outcome: Outcome, seen: dict[_KeyId, Seen]) -> Outcome:
    """The outcome in the light of what the stores said. Pure."""
    states = claimed(outcome)
    if not states:
        return outcome
    page_is_claimed = outcome.page is not None and outcome.page.is_proven
    pages = [state for state in states if state.kind is KeyKind.PAGE]
    page_is_decisive = page_is_claimed and bool(pages)
    copies = [[*lists, *bodies] for lists, bodies in by_alias(pages).values()] if page_is_decisive else [states]
    # One whole copy of the page is enough: caches around one another are asked in turn.
    verdicts = [_verdict([seen[_key_id(state)] for state in copy], outcome.expires_at_s) for copy in copies]
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


def _corrected_state(state: KeyState, seen: dict[_KeyId, Seen]) -> KeyState:
    answer = seen.get(_key_id(state))
    if answer is None or not state.result.is_proven:
        return state
    result, _, _ = _verdict([answer], None)
    return state if result is None else replace(state, result=result)
