"""What became of the parts of a page: fragments, rows and low-level keys, seen over two requests. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from url_manifests.outcomes import KeyState, Result
from url_manifests.traces import KeyEvent, KeyKind, Trace, TracedKey

SESSION_KEY_PREFIX: Final = "django.contrib.sessions."
"""A session that the crawler's own request began is nobody else's: it warms nothing."""

KeyIdentity = tuple[str, str, int | str | None]

_H, _M, _S, _X, _W = KeyEvent.HIT, KeyEvent.MISS, KeyEvent.STORED, KeyEvent.LOST, KeyEvent.WRITTEN

# (event of the first request, event of the second) → result, where None means that the request did not touch the key.
# Pairs that are not listed say nothing about a cached part: counters, probes, keys that the view never fills.
_RESULTS: Final[dict[tuple[KeyEvent | None, KeyEvent | None], Result]] = {
    (_H, None): Result.ALREADY_WARM,
    (_H, _H): Result.ALREADY_WARM,
    (_H, _W): Result.ALREADY_WARM,
    (_H, _S): Result.STORED,  # expired between the two, and stored again
    (_H, _M): Result.NOT_STORED,
    (_H, _X): Result.NOT_STORED,
    (_S, None): Result.STORED,  # the site read it back; the second request found its page, or an outer part
    (_S, _H): Result.STORED,
    (_S, _W): Result.STORED,
    (_S, _S): Result.NOT_STORED,  # gone a moment later, computed again: the next visitor fares no better
    (_S, _M): Result.NOT_STORED,
    (_S, _X): Result.NOT_STORED,
    (_X, None): Result.NOT_STORED,
    (_X, _M): Result.NOT_STORED,
    (_X, _X): Result.NOT_STORED,
    (_X, _W): Result.NOT_STORED,
    (_X, _H): Result.STORED,
    (_X, _S): Result.STORED,
    (_M, _H): Result.STORED,
    (_M, _S): Result.STORED,
    (_M, _X): Result.NOT_STORED,
    (_W, _H): Result.STORED,
    (_W, _S): Result.STORED,
    (_W, _X): Result.NOT_STORED,
    (None, _H): Result.ALREADY_WARM,
    (None, _S): Result.STORED,
    (None, _X): Result.NOT_STORED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStates:
    """The parts of one page that tell something, and what they tell together."""

    states: tuple[KeyState, ...]
    is_refused: bool
    """Whether one of those in `lost` was not there right after it was written."""
    was_hit: bool
    """Whether the last request that ran the view found one of them."""

    @property
    def lost(self) -> list[KeyState]:
        return [state for state in self.states if state.result is Result.NOT_STORED]


def join_parts(first: Trace, second: Trace | None) -> PartStates:
    """Follow each part through both requests."""
    before, after = _parts(first), _parts(second) if second else {}
    private = first.private_aliases | (second.private_aliases if second else frozenset())
    states = []
    is_refused = False
    for identity in dict.fromkeys((*before, *after)):
        events = (before.get(identity), after.get(identity))
        if (result := _RESULTS.get(events)) is None:
            continue
        alias, key, version = identity
        is_refused |= _X in events and result is Result.NOT_STORED
        own = Result.UNVERIFIABLE if alias in private else result
        states.append(KeyState(alias=alias, key=key, version=version, kind=KeyKind.PART, result=own))
    return PartStates(
        states=tuple(states),
        is_refused=is_refused,
        was_hit=_H in (after if second else before).values(),
    )


def _parts(trace: Trace) -> dict[KeyIdentity, KeyEvent]:
    return {
        key_identity(key): key.event
        for key in trace.keys
        if key.kind is KeyKind.PART and not key.key.startswith(SESSION_KEY_PREFIX)
    }


def key_identity(key: TracedKey) -> KeyIdentity:
    """What makes two traced keys the same."""
    return key.alias, key.key, key.version
