"""The conversation about one entry: which request comes next, and what comes of the answers. Pure.

The variants of an entry go one after another. Side by side they would all miss a page whose key is the same for all,
and have it computed once for each; so the first stores it, and the others find it. Where a store lost what it was
given and kept it the next time, a third request proves it. Personas come last. What a persona's
request stored is asked for by an anonymous visitor and by another persona at once, before anybody else is likely to:
the site sees whether content of one session reaches another (`django_hooks`), and says so in the trace. A leak is
withdrawn when the next visitor's own request stores the same: then it is public.

Where no persona takes part, all variants can be *filled* before the first of them is proven, and the proof may wait
(`crawler.parked`). With a persona each variant is seen to its end before the next: leaks are looked for at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from url_manifests.outcomes import Outcome, Result
from url_manifests.traces import KeyEvent, KeyKind

from .answer import Answer
from .outcome import Keys, has_recovered, judge, needs_second_request
from .pages import expires_at_s
from .parts import KeyIdentity
from .plan import Planned, Visitors


class Visit:
    """Ask for what `next` says until `is_over`, and give each answer to `take`.

    Before that, what `to_fill` says can be asked for, and given to `fill`; `settled` then has the outcomes that need
    no more.
    """

    def __init__(self, variants: Sequence[Planned], visitors: Visitors) -> None:
        self.variants = tuple(variants)
        self._left = deque(variants)
        self._unfilled = deque(() if any(planned.persona for planned in variants) else variants)
        self._firsts: dict[int, Answer] = {}
        """Number → answer of each variant that was filled and is not proven yet."""
        self.requests_left = 0
        """So many more answers it takes to prove what was filled."""
        self.keys_held = 0
        """Traced keys that wait for proof."""
        self._visitors = visitors
        self._answers: list[Answer] = []
        self._probes: deque[Planned] = deque()
        self._leaks: dict[str, None] = {}
        self._is_leak_asked_again = False
        self._has_recovered = False
        self._shared: set[KeyIdentity] = set()

    @property
    def is_over(self) -> bool:
        return not self._left

    @property
    def is_between_variants(self) -> bool:
        """Whether the entry may be left here without leaving a variant half done."""
        return not self._answers and not (self._left and self.current.number in self._firsts)

    @property
    def current(self) -> Planned:
        """The variant that is under way."""
        return self._left[0]

    @property
    def next(self) -> Planned:
        """Who asks next: the current variant, or somebody who must not get what it stored."""
        return self._probes[0] if self._probes else self.current

    @property
    def to_fill(self) -> Planned | None:
        """The variant to ask for next while nothing is proven yet."""
        return self._unfilled[0] if self._unfilled else None

    def fill(self, answer: Answer) -> None:
        """Take the answer to `to_fill`."""
        self._note_leaks(answer)
        self._firsts[self._unfilled.popleft().number] = answer
        self.requests_left += needs_second_request(answer)
        self.keys_held += len(answer.trace.keys) if answer.trace else 0
        if self._leaks:
            self._unfilled.clear()  # nothing else matters now

    def settled(self) -> Outcome | None:
        """The outcome of the current variant when its first answer was all that it took."""
        if self.is_over or self._answers or (first := self._firsts.pop(self.current.number, None)) is None:
            return None
        self._answers.append(first)
        return None if needs_second_request(first) else self._conclude()

    def may_wait(self, soon_s: float) -> bool:
        """Whether proof may come later: of nothing that belongs to somebody, is a leak, or ends within ``soon_s``."""
        if self._leaks or any(planned.persona for planned in self.variants):
            return False
        lives_s = (
            (expires_at_s(answer, kind), answer.answered_at_s) for answer in self._firsts.values() for kind in KeyKind
        )
        return all(end_s is None or end_s - answered_at_s > soon_s for end_s, answered_at_s in lives_s)

    def _note_leaks(self, answer: Answer) -> None:
        self._leaks.update(dict.fromkeys(answer.leaks))
        for withdrawn in answer.cleared:
            self._leaks.pop(withdrawn, None)

    def take(self, answer: Answer) -> Outcome | None:
        """Take the answer to `next`; the outcome of the current variant when it is known."""
        self._note_leaks(answer)
        if self._probes:
            self._probes.popleft()
            self._ask_again_after_a_leak()
        else:
            self._answers.append(answer)
            if len(self._answers) == 1 and needs_second_request(answer):
                return None
            if len(self._answers) == 2 and not self._has_recovered and has_recovered(*self._answers):
                self._has_recovered = True
                del self._answers[0]
                return None
            self._probes.extend(self._leak_probes())
        return None if self._probes else self._conclude()

    def _leak_probes(self) -> Iterable[Planned]:
        current = self.current
        if not current.persona or not any(map(_stored_something, self._answers)):
            return
        others = [role for role in self._visitors.roles if role != current.persona]
        for persona in ("", *others[:1]):
            yield self._visitors.as_persona(current, persona)

    def _ask_again_after_a_leak(self) -> None:
        """The entry was deleted: what an anonymous visitor now stores in its place shows whether it is public."""
        if self._leaks and not self._probes and not self._is_leak_asked_again:
            self._is_leak_asked_again = True
            self._probes.append(self._visitors.as_persona(self.current, ""))

    def _conclude(self) -> Outcome:
        planned = self._left.popleft()
        first, second = (*self._answers, None)[:2]
        assert first is not None
        outcome = judge(planned, first, second, Keys(self._shared))
        if self._leaks:
            detail = ", ".join(self._leaks)[:300]
            outcome = replace(outcome, result=Result.FAILED, reason="leak", detail=detail, cacheable=True)
        elif not planned.persona:
            proven = (state for state in outcome.keys if state.kind is KeyKind.PAGE and state.result.is_proven)
            self._shared.update((state.alias, state.key, state.version) for state in proven)
        self._answers, self._leaks, self._is_leak_asked_again, self._has_recovered = [], {}, False, False
        return outcome


def _stored_something(answer: Answer) -> bool:
    return answer.trace is not None and any(key.event is KeyEvent.STORED for key in answer.trace.keys)
