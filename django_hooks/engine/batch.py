"""What came of some entries of one warmer: counted where nothing is to be said, an `Outcome` where something is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from url_manifests.outcomes import Outcome, Result

from .plan import Planned


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Entries of one warmer that are done, in the order in which it yielded them."""

    name: str
    """The warmer's."""
    category: str
    entries: Sequence[Planned | Outcome]

    def written(self) -> tuple[int, int]:
        """How many entries were written, and what they take of their stores in bytes, estimated from above."""
        kept = (Result.STORED, Result.UNVERIFIABLE)
        sizes = [e.size_bytes for e in self.entries if isinstance(e, Planned) and e.result in kept]
        return len(sizes), sum(sizes)

    def outcomes(self) -> Iterator[Outcome]:
        """An outcome for each entry."""
        for entry in self.entries:
            outcome = entry.outcome if isinstance(entry, Planned) else entry
            if outcome is not None:
                yield outcome

    def exceptional(self) -> Iterator[Outcome]:
        """The outcomes that have a reason."""
        for entry in self.entries:
            if isinstance(entry, Outcome):
                yield entry
            elif entry.reason and (outcome := entry.outcome) is not None:
                yield outcome

    def plain(self) -> dict[Result, tuple[int, float]]:
        """Of all others: result → how many there are, and the sum of their weights."""
        counts: dict[Result, int] = {}
        weights: dict[Result, float] = {}
        for entry in self.entries:
            if isinstance(entry, Planned) and not entry.reason and (result := entry.result) is not None:
                counts[result] = counts.get(result, 0) + 1
                weights[result] = weights.get(result, 0.0) + entry.entry.weight
        return {result: (count, weights[result]) for result, count in counts.items()}
