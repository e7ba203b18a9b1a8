"""What changed between two manifests, for whoever reviews the nightly one: entered, left, moved."""

from __future__ import annotations

from dataclasses import dataclass

from .manifest import Entry, ManifestReader


@dataclass(frozen=True, slots=True)
class Change:
    """One entry that is not where it was."""

    host: str
    url: str
    old_place: int | None
    """1-based rank in the old manifest; ``None`` when it was not there."""
    new_place: int | None
    old_hits: float
    new_hits: float

    @property
    def kind(self) -> str:
        """``entered``, ``left`` or ``moved``."""
        if self.old_place is None:
            return "entered"
        return "left" if self.new_place is None else "moved"


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, those of the largest weight first, and how many entries stayed."""

    changes: list[Change]
    unchanged: int


def compare(old: ManifestReader, new: ManifestReader, *, min_move: float = 0.5) -> Difference:
    """Compare by host and URL.

    Args:
        min_move: an entry has moved when its expected hits changed by more than this share of the larger.

    Raises:
        FileFormatError: one of them is malformed.
    """
    before = {(entry.host, entry.url): (place, entry.expected_hits) for place, entry in enumerate(old, start=1)}
    changes, unchanged = [], 0
    for place, entry in enumerate(new, start=1):
        old_place, old_hits = before.pop((entry.host, entry.url), (None, 0.0))
        if old_place is None or _moved(entry, old_hits, min_move):
            changes.append(Change(entry.host, entry.url, old_place, place, old_hits, entry.expected_hits))
        else:
            unchanged += 1
    changes += [Change(host, url, place, None, hits, 0.0) for (host, url), (place, hits) in before.items()]
    changes.sort(key=lambda change: (-abs(change.new_hits - change.old_hits), change.host, change.url))
    return Difference(changes, unchanged)


def _moved(entry: Entry, old_hits: float, min_move: float) -> bool:
    return abs(entry.expected_hits - old_hits) > min_move * max(entry.expected_hits, old_hits)
