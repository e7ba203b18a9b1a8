"""Which pages deserve warming, in which variants. Pure policy; no file is read or written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from .candidate import Candidate
from .profiles import PROFILES, observed_headers, vary_class
from .routes import route_of

DEFAULT_COLD_MS: Final = 200.0
"""What a page is taken to cost where the log has no times; only ``--max-time`` needs it."""
DEFAULT_VARY_ON: Final = ("Accept-Encoding", "Accept-Language")
"""What Django's own middleware makes pages vary on, beside cookies. A site that serves phones other pages under the
same URL adds ``User-Agent`` with ``--vary-on``."""
_PRIOR_HITS: Final = 20.0
"""A page with fewer hits than this is taken to have the site's mix of visitors rather than its own handful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionPolicy:
    """Where the list ends."""

    coverage: float = 1.0
    """Stop once this share of the expected requests is covered."""
    max_urls: int = 50_000
    max_time_s: float | None = None
    """Stop before the pages would take longer than this to compute, one after the other."""
    max_per_route: int | None = None
    """How many pages of one route. ``None``: half of ``max_urls``, and more where places are left in the end."""
    min_hits: int = 1
    variants_share: float = 0.95
    """Variants are added until they cover this share of a page's visitors."""
    vary_on: tuple[str, ...] = DEFAULT_VARY_ON


@dataclass(slots=True)
class Selection:
    """Picks from a ranked stream, and counts what it leaves out and why."""

    policy: SelectionPolicy
    expected_total: float
    left_out: Counter[str] = field(default_factory=Counter)
    """Pages by the limit that kept them out."""
    expected_selected: float = 0.0

    def pick(self, ranked: Iterable[Candidate]) -> Iterator[Candidate]:
        """The candidates to keep, in their order; reads no further than the first limit that ends the list."""
        policy = self.policy
        per_route: Counter[str] = Counter()
        route_limit = policy.max_per_route or max(1, policy.max_urls // 2)
        picked, time_s = 0, 0.0
        waiting: list[Candidate] = []
        for candidate in ranked:
            if reason := self._full(picked):
                self.left_out[reason] += 1
                return
            cost_s = (candidate.cold_ms if candidate.cold_ms is not None else DEFAULT_COLD_MS) / 1000
            route = candidate.route or route_of(candidate.url)
            if candidate.hits < policy.min_hits:
                self.left_out["min-hits"] += 1
            elif per_route[route] >= route_limit:
                if policy.max_per_route is None and len(waiting) + picked < policy.max_urls:
                    waiting.append(candidate)
                self.left_out["max-per-route"] += 1
            elif policy.max_time_s is not None and time_s + cost_s > policy.max_time_s:
                self.left_out["max-time"] += 1
            else:
                per_route[route] += 1
                picked += 1
                time_s += cost_s
                self.expected_selected += candidate.expected_hits
                yield candidate
        if policy.max_time_s is None:
            yield from self._waiting(waiting[: policy.max_urls - picked])

    def _waiting(self, candidates: list[Candidate]) -> Iterator[Candidate]:
        """Pages of a route that had its share, now that no other route wants the places."""
        for candidate in candidates:
            if self._full(0):
                return
            self.left_out["max-per-route"] -= 1
            self.expected_selected += candidate.expected_hits
            yield candidate

    def _full(self, picked: int) -> str:
        if picked >= self.policy.max_urls:
            return "max-urls"
        done = self.policy.coverage < 1 and self.expected_selected >= self.policy.coverage * self.expected_total
        return "coverage" if done else ""


class VariantPolicy:
    """Which header profiles a page is asked with.

    Profiles whose visitors get the same page (their values of the headers that pages vary on are equal) are one
    variant, named after the commonest of them. A page's own mix of visitors is shrunk towards the site's: three hits do
    not tell a mix. Then the smallest set that covers the target share is kept.

    Args:
        site_hits: variant, as `counting` names them → hits over the whole log.
    """

    def __init__(self, site_hits: Mapping[str, int], policy: SelectionPolicy) -> None:
        self._share = policy.variants_share
        known = {name: hits for name, hits in site_hits.items() if name}
        self.profiles, self._class_of = _classes(known, policy.vary_on)
        self._site = self._by_class(known)

    def _by_class(self, hits: Mapping[str, int]) -> dict[str, float]:
        counts: Counter[str] = Counter()
        for name, number in hits.items():
            if name in self._class_of:
                counts[self._class_of[name]] += number
        total = counts.total()
        return {name: number / total for name, number in counts.items()} if total else {}

    def shares(self, hits: Mapping[str, int]) -> dict[str, float]:
        """Profile → share of the page's visitors, the largest first; empty when all come by the first profile."""
        own = self._by_class(hits)
        known = sum(number for name, number in hits.items() if name in self._class_of)
        mixed = {
            name: (own.get(name, 0.0) * known + site * _PRIOR_HITS) / (known + _PRIOR_HITS)
            for name, site in self._site.items()
        }
        kept: dict[str, float] = {}
        for name, share in sorted(mixed.items(), key=lambda item: (-item[1], item[0])):
            if sum(kept.values()) >= self._share:
                break
            kept[name] = max(round(share, 4), 0.0001)
        return kept

    def used_profiles(self, used: Iterable[str]) -> dict[str, dict[str, str]]:
        """The profiles that entries name, the commonest first; and Chrome, which whoever edits a manifest will need."""
        wanted = set(used)
        names = [name for name in self.profiles if name in wanted] or list(self.profiles)[:1]
        profiles = {name: self.profiles[name] for name in names}
        return profiles if "chrome" in profiles else {**profiles, "chrome": dict(PROFILES["chrome"])}


def _classes(hits: Mapping[str, int], vary_on: tuple[str, ...]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """The profiles, commonest class first; and which of them each observed variant belongs to."""
    headers = {name: _headers(name) for name in hits}
    sizes: Counter[tuple[str, ...]] = Counter()
    for name, number in hits.items():
        sizes[vary_class(headers[name], vary_on)] += number
    profiles: dict[str, dict[str, str]] = {}
    names: dict[tuple[str, ...], str] = {}
    for group, _ in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        members = [name for name in hits if vary_class(headers[name], vary_on) == group]
        commonest = min(members, key=lambda name: (-hits[name], name))
        names[group] = _free_name(commonest.partition("\t")[0], profiles)
        profiles[names[group]] = headers[commonest]
    return profiles, {name: names[vary_class(headers[name], vary_on)] for name in hits}


def _headers(variant: str) -> dict[str, str]:
    profile, encoding, language = (*variant.split("\t"), "", "")[:3]
    return observed_headers(profile, encoding, language)


def _free_name(profile: str, taken: Mapping[str, object]) -> str:
    if profile not in taken:
        return profile
    number = 2
    while f"{profile}-{number}" in taken:
        number += 1
    return f"{profile}-{number}"
