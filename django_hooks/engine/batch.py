"""What came of some entries of one warmer: counted where nothing is to be said, an `Outcome` where something is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django_hooks.warmers.secret_keys import digest_of
from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.traces import KeyKind

from .plan import Planned


@dataclass(frozen=True, slots=True)
class WarmKeys:
    """Entries that are all there already, by what a store said that was asked for each of their keys."""

    warmer: str
    alias: str
    version: int | str | None
    keys: Sequence[str]
    weight: float
    """Of each entry."""
    are_secret: bool = False

    def outcomes(self) -> Iterator[Outcome]:
        """An outcome for each entry."""
        kind = KeyKind.SECRET if self.are_secret else KeyKind.PART
        for key in map(digest_of, self.keys) if self.are_secret else self.keys:
            state = KeyState(alias=self.alias, key=key, version=self.version, kind=kind, result=Result.ALREADY_WARM)
            yield Outcome(url=f"{self.warmer}:{key}", result=Result.ALREADY_WARM, weight=self.weight, keys=(state,))


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Entries of one warmer that are done, in the order in which it yielded them."""

    name: str
    """The warmer's."""
    category: str
    entries: Sequence[Planned | Outcome | WarmKeys]

    @property
    def count(self) -> int:
        """How many entries there are."""
        return sum(len(entry.keys) if isinstance(entry, WarmKeys) else 1 for entry in self.entries)

    def written(self) -> tuple[int, int]:
        """How many entries were written, and what they take of their stores in bytes, estimated from above."""
        kept = (Result.STORED, Result.UNVERIFIABLE)
        sizes = [e.size_bytes for e in self.entries if isinstance(e, Planned) and e.result in kept]
        return len(sizes), sum(sizes)

    def outcomes(self) -> Iterator[Outcome]:
        """An outcome for each entry."""
        for entry in self.entries:
            if isinstance(entry, WarmKeys):
                yield from entry.outcomes()
                continue
            outcome = entry.outcome if isinstance(entry, Planned) else entry
            if outcome is not None:
                yield outcome

    def exceptional(self) -> Iterator[Outcome]:
        """The outcomes that have a reason."""
        for entry in self.entries:
            if isinstance(entry, Outcome):
                yield entry
            elif isinstance(entry, Planned) and entry.reason and (outcome := entry.outcome) is not None:
                yield outcome

    def plain(self) -> dict[Result, tuple[int, float]]:
        """Of all others: result → how many there are, and the sum of their weights."""
        counts: dict[Result, int] = {}
        weights: dict[Result, float] = {}
        for entry in self.entries:
            if isinstance(entry, WarmKeys):
                result, count, weight = Result.ALREADY_WARM, len(entry.keys), entry.weight * len(entry.keys)
            elif isinstance(entry, Planned) and not entry.reason and entry.result is not None:
                result, count, weight = entry.result, 1, entry.entry.weight
            else:
                continue
            counts[result] = counts.get(result, 0) + count
            weights[result] = weights.get(result, 0.0) + weight
        return {result: (count, weights[result]) for result, count in counts.items()}
