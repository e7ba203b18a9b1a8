"""What became of the lines: used, excluded by rule, rejected by reason with examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .masking import masked

EXAMPLES_PER_REASON: Final = 3


@dataclass(slots=True)
class Totals:
    """Lines by what became of them; adds up."""

    by_source: Counter[int] = field(default_factory=Counter)
    """Number of the input → its lines."""
    used: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    """Reason → (source, position, masked line), the first few in the order of the input."""

    @property
    def lines(self) -> int:
        """All of them."""
        return self.by_source.total()

    def reject(self, reason: str, place: tuple[int, int], line: bytes) -> None:
        """Count a line that could not be read, and keep it if it is among the first."""
        self.rejected[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES_PER_REASON or place < examples[-1][:2]:
            examples.append((*place, masked(line)))
            examples.sort()
            del examples[EXAMPLES_PER_REASON:]

    def merge(self, other: Totals) -> None:
        """Add what another worker counted."""
        self.by_source.update(other.by_source)
        self.used += other.used
        self.excluded.update(other.excluded)
        self.rejected.update(other.rejected)
        for reason, rows in other.examples.items():
            self.examples[reason] = sorted([*self.examples.get(reason, []), *rows])[:EXAMPLES_PER_REASON]


def by_size(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts that are not zero, the largest first, as manifests list them."""
    return {name: number for name, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if number}
