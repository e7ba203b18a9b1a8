"""Several manifests into one: hosts, days, environments.

Associative and commutative, to the byte: whatever the order and the grouping, the same entries come out. So everything
is a sum of whole numbers, a maximum, or a sorted union; shares travel as hits in ten-thousandths.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from .manifest import Entry, Header, ManifestReader

_SHARE_UNIT: Final = 10_000
_PREDICTED_UNIT: Final = 1_000
_EXAMPLES: Final = 3
UNTIMED_SAVING_MS: Final = 100.0
"""What a hit of an entry without times is taken to save, when it is ranked among entries that have them."""


@dataclass(slots=True)
class _Sum:
    """One URL of one host over all manifests."""

    hits: int = 0
    predicted: int = 0
    is_predicted: bool = False
    cold_ms: float | None = None
    warm_ms: float | None = None
    route: str = ""
    signed_in: int = 0
    variants: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry, first_profile: str) -> None:
        self.hits += entry.hits
        self.predicted += round(entry.expected_hits * _PREDICTED_UNIT)
        self.is_predicted |= entry.predicted_hits is not None
        self.cold_ms = _largest(self.cold_ms, entry.cold_ms)
        self.warm_ms = _largest(self.warm_ms, entry.warm_ms)
        self.route = max(self.route, entry.route)
        self.signed_in += round(entry.signed_in * entry.hits * _SHARE_UNIT)
        variants = entry.variants or ({first_profile: 1.0} if first_profile else {})
        for name, share in variants.items():
            self.variants[name] += round(share * entry.hits * _SHARE_UNIT)

    def entry(self, host: str, url: str, first_profile: str) -> Entry:
        whole = self.hits * _SHARE_UNIT
        shares = {
            name: min(number / whole, 1.0)
            for name, number in sorted(self.variants.items(), key=lambda item: (-item[1], item[0]))
            if number and whole
        }
        return Entry(
            url=url,
            host=host,
            hits=self.hits,
            predicted_hits=self.predicted / _PREDICTED_UNIT if self.is_predicted else None,
            cold_ms=self.cold_ms,
            warm_ms=self.warm_ms,
            route=self.route,
            variants={} if shares == {first_profile: 1.0} else shares,
            signed_in=min(self.signed_in / whole, 1.0) if whole else 0.0,
        )


def _largest(first: float | None, second: float | None) -> float | None:
    known = [value for value in (first, second) if value is not None]
    return max(known) if known else None


def value(entry: Entry) -> float:
    """What an entry is ranked by: milliseconds that it saves."""
    return entry.expected_hits * UNTIMED_SAVING_MS if entry.saving_ms is None else entry.saving_ms


def merge_manifests(readers: Sequence[ManifestReader]) -> tuple[Header, list[Entry]]:
    """One manifest out of several; memory grows with the number of distinct entries.

    Profiles of the same name that differ: the one that sorts last is kept, which for browsers is the newer.

    Raises:
        FileFormatError: one of them is malformed.
    """
    sums: dict[tuple[str, str], _Sum] = {}
    for reader in readers:
        first_profile = next(iter(reader.header.profiles), "")
        for entry in reader:
            sums.setdefault((entry.host, entry.url), _Sum()).add(entry, first_profile)
    headers = [reader.header for reader in readers]
    profiles = _ordered(_profiles(headers), sums.values())
    first = next(iter(profiles), "")
    entries = [found.entry(host, url, first) for (host, url), found in sums.items()]
    entries.sort(key=lambda entry: (-value(entry), -entry.hits, entry.host, entry.url))
    return _header(headers, profiles, len(entries)), entries


def _profiles(headers: Iterable[Header]) -> dict[str, Mapping[str, str]]:
    profiles: dict[str, Mapping[str, str]] = {}
    for header in headers:
        for name, found in header.profiles.items():
            profiles[name] = max(profiles.get(name, found), found, key=json.dumps)
    return profiles


def _ordered(profiles: Mapping[str, Mapping[str, str]], sums: Iterable[_Sum]) -> dict[str, Mapping[str, str]]:
    """The commonest first: entries without variants refer to it."""
    weights: Counter[str] = Counter()
    for found in sums:
        weights.update(found.variants)
    return {name: profiles[name] for name in sorted(profiles, key=lambda name: (-weights[name], name))}


def _header(headers: Sequence[Header], profiles: Mapping[str, Mapping[str, str]], entries: int) -> Header:
    totals: dict[str, Any] = {}
    for header in headers:
        totals = _added(totals, header.totals)
    sources = [source for header in headers for source in header.sources]
    return Header(
        entries=entries,
        window_start=_edge([header.window_start for header in headers], latest=False),
        window_end=_edge([header.window_end for header in headers], latest=True),
        totals=totals,
        profiles=profiles,
        sources=tuple(sorted(sources, key=lambda source: json.dumps(source, sort_keys=True))),
    )


def _edge(times: Iterable[datetime | None], *, latest: bool) -> datetime | None:
    known = [time for time in times if time is not None]
    if not known:
        return None
    return max(known) if latest else min(known)


def _added(first: Any, second: Any) -> Any:
    """Numbers added, lists united and cut, objects field by field; of anything else the one that sorts last."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        names = sorted({*first, *second})
        return {name: _added(first[name], second[name]) if name in first and name in second
                else first.get(name, second.get(name)) for name in names}  # fmt: skip
    if isinstance(first, list) and isinstance(second, list):
        return sorted({*map(str, first), *map(str, second)})[:_EXAMPLES]
    if isinstance(first, int) and isinstance(second, int):
        return first + second
    return max(first, second, key=str)
