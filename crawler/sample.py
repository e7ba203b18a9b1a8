"""Which of the proven outcomes are looked at again at the end of the run. Pure."""

from __future__ import annotations

import random
from typing import Final

from url_manifests.outcomes import Outcome

SAMPLE_SIZE: Final = 200

Numbered = tuple[int, Outcome]
"""An outcome and its place in the outcome file."""


class Sample:
    """A bounded, even choice of the proven outcomes, made while they come (reservoir sampling)."""

    def __init__(self, seed: str, size: int = SAMPLE_SIZE) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a choice, not a secret
        self._size = size
        self._seen = 0
        self.chosen: list[Numbered] = []

    def offer(self, number: int, outcome: Outcome) -> None:
        """Consider an outcome; ``number`` is its place in the outcome file."""
        self._seen += 1
        if len(self.chosen) < self._size:
            self.chosen.append((number, outcome))
        elif (place := self._random.randrange(self._seen)) < self._size:
            self.chosen[place] = (number, outcome)
