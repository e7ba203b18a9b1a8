"""What a run has to ask for: yet to come, under way, or concluded; each planned request is exactly one of these."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from url_manifests.outcomes import Outcome

from .inspection import Inspector
from .plan import Planned
from .resume import Positions


class Agenda:
    """The plan, and how far it is carried out.

    Args:
        plan: each entry's requests, in the order in which they are to be asked.
        inspector: knows what pages load later.
    """

    def __init__(self, plan: Iterator[tuple[Planned, ...]], inspector: Inspector) -> None:
        self.inspector = inspector
        self.entries_begun = 0
        self.resumed_with = 0
        """Outcomes of an earlier part of this run that are kept."""
        self._done: Positions | None = None
        """What an earlier part of this run has answered."""
        self._under_way: dict[int, Planned] = {}
        self._is_plan_at_end = False
        self._plan = self._left(plan)

    def resume(self, done: Positions) -> None:
        """Some of it is to be kept: see `keep`."""
        self._done = done

    def keep(self, outcome: Outcome) -> None:
        """An earlier part of the run has seen to this."""
        self.resumed_with += 1
        if outcome.number is not None and self._done is not None:
            self._done.add(outcome.number)
        elif self.inspector.discovery:
            self.inspector.discovery.know(outcome)

    def _left(self, plan: Iterator[tuple[Planned, ...]]) -> Iterator[tuple[Planned, ...]]:
        """What is still to be done of each entry, which may be nothing."""
        for variants in plan:
            if self.inspector.discovery:
                self.inspector.discovery.meet(variants)
            done = self._done
            yield variants if done is None else tuple(planned for planned in variants if planned.number not in done)

    def planned(self) -> Iterator[tuple[Planned, ...]]:
        """The rest of the plan, entry by entry; each request taken from it is under way until `conclude`.

        Nothing is left of an entry that an earlier part of the run has answered.

        Raises:
            FileFormatError: the manifest is malformed further down.
        """
        for variants in self._plan:
            self.entries_begun += 1
            self._under_way.update((planned.number, planned) for planned in variants)
            yield variants
        self._is_plan_at_end = True

    def discovered(self, pages: tuple[Planned, ...]) -> list[Planned]:
        """What these pages load later, under way until `conclude`."""
        found = list(self.inspector.discovery.take(pages)) if self.inspector.discovery else []
        self._under_way.update((planned.number, planned) for planned in found)
        return found

    def conclude(self, planned: Planned) -> None:
        """This request's outcome is known, and about to be recorded."""
        self.inspector.forget(planned)
        del self._under_way[planned.number]

    @property
    def is_complete(self) -> bool:
        """Whether everything is concluded."""
        return self._is_plan_at_end and not self._under_way

    def rest(self) -> Iterator[Planned]:
        """What will not be asked for any more. A malformed manifest has nothing more to give."""
        return chain(self._under_way.values(), chain.from_iterable(self._plan))
