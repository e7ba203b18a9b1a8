"""The table of observed traffic to a manifest, by the same policy as ``python -m url_manifests build``.

What differs from a log: the URLconf of this release is at hand, so each page has its real route, and pages that the
release no longer has are dropped and named; and cold and warm costs were measured apart, not guessed from a spread.

The result depends on the table and the options alone, not on the clock: the window ends with the table's last hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import PathLike
from typing import Any

from url_manifests.candidate import Candidate
from url_manifests.classify import Classifier
from url_manifests.errors import ConfigurationError
from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.prediction import PredictionPolicy, hour_weights
from url_manifests.rules import Rules
from url_manifests.selection import Selection, SelectionPolicy
from url_manifests.totals import by_size

from . import storage
from .costs import Costs
from .notes import UNNAMED_URLCONF
from .observed import Page, pages
from .routing import Gone, gone_routes, route_name
from .variants import ObservedVariants

SOURCE_NAME = "observed-traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Everything that an export may be told."""

    days: int = 14
    """How far back from the last hour that was recorded."""
    keep_unresolved: bool = False
    """Keep pages that the URLconf does not find: for sites that choose a URLconf for each host."""
    rules: Rules = field(default_factory=Rules)
    prediction: PredictionPolicy = field(default_factory=PredictionPolicy)
    selection: SelectionPolicy = field(default_factory=SelectionPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What was exported, and the counts to print."""

    entries: int
    totals: dict[str, Any]
    gone: list[Gone]
    expected_share: float
    """Share of the expected requests that the list covers."""


def export(output: str | PathLike[str], options: ExportOptions) -> ExportResult:
    """Write the manifest to ``output``, whole or not at all.

    Raises:
        ConfigurationError: nothing was recorded yet.
        django.db.Error: the table cannot be read.
    """
    window = storage.window(options.days)
    if window is None:
        raise ConfigurationError("observed traffic", "nothing was recorded yet; set TRAFFIC_SAMPLE_RATE above 0")
    weights = hour_weights(*window, options.prediction)
    sieve = _Sieve(options, Counter(storage.exclusions(window[0])))
    kept = _in_one_order(sieve.sifted(pages(storage.read(window[0]), weights)), sieve.excluded)
    candidates = Costs(kept).ranked(kept, predict=weights is not None)
    selection = Selection(options.selection, sum(candidate.expected_hits for candidate in candidates))
    selected = list(selection.pick(candidates))
    entries, profiles = _entries(selected, [kept[candidate.page] for candidate in selected], options.selection)
    totals = _totals(kept, sieve, selection)
    header = Header(
        entries=len(entries),
        window_start=_start_of(window[0]),
        window_end=_start_of(window[1] + 1),
        totals=totals,
        profiles=profiles,
        sources=({"name": SOURCE_NAME, "format": "django", "lines": totals["lines"]},),
    )
    write_manifest(output, header, entries)
    share = selection.expected_selected / selection.expected_total if selection.expected_total else 1.0
    return ExportResult(entries=len(entries), totals=totals, gone=sieve.gone, expected_share=share)


class _Sieve:
    """Keeps out what a rule excludes, also one that came after the recording, and what this release does not have."""

    def __init__(self, options: ExportOptions, excluded: Counter[str]) -> None:
        self.excluded = excluded
        """Requests by rule."""
        self._classifier = Classifier(options.rules)
        self._keep_unresolved = options.keep_unresolved
        self._gone: list[Page] = []

    def sifted(self, found: Iterable[Page]) -> Iterator[tuple[Page, str]]:
        """Each page that is kept, with the URL that is the same for all orders of its parameters."""
        for page in found:
            verdict = self._classifier.classify(page.host.encode(), page.url.encode())
            if isinstance(verdict, str):
                self.excluded[verdict] += page.hits
                continue
            route = route_name(page.url, page.urlconf)
            if route is None and not (self._keep_unresolved or page.urlconf == UNNAMED_URLCONF):
                self.excluded["gone"] += page.hits
                self._gone.append(page)
                continue
            page.route = route or page.route
            yield page, verdict.unordered

    @property
    def gone(self) -> list[Gone]:
        """The routes that are no more."""
        return gone_routes(self._gone)


def _in_one_order(found: Iterable[tuple[Page, str]], excluded: Counter[str]) -> list[Page]:
    """Of pages that differ only in the order of their parameters, the one that visitors asked for most."""
    kept: list[Page] = []
    best: dict[tuple[str, str], Page] = {}
    for page, unordered in found:
        if not unordered:
            kept.append(page)
            continue
        rival = best.setdefault((page.host, unordered), page)
        if rival is not page:
            winner, loser = (page, rival) if page.hits > rival.hits else (rival, page)
            best[page.host, unordered] = winner
            excluded["query-order"] += loser.hits
    return [*kept, *best.values()]


def _entries(
    selected: Sequence[Candidate], observed: Sequence[Page], policy: SelectionPolicy
) -> tuple[list[Entry], dict[str, dict[str, str]]]:
    variants = ObservedVariants(observed, policy)
    shares = [variants.shares(page) for page in observed]
    profiles = variants.used_profiles(name for share in shares for name in share)
    first = next(iter(profiles))
    entries = [candidate.entry(share, first) for candidate, share in zip(selected, shares, strict=True)]
    return entries, profiles


def _totals(kept: Sequence[Page], sieve: _Sieve, selection: Selection) -> dict[str, Any]:
    """As a build from logs counts, where a line is a request: ``used`` and ``excluded`` add up to ``lines``."""
    used = sum(page.hits for page in kept)
    return {
        "lines": used + sieve.excluded.total(),
        "used": used,
        "excluded": by_size(sieve.excluded),
        "pages": len(kept),
        "hits": used,
        "left_out": by_size(selection.left_out),
        "gone": {gone.route: {"urls": gone.urls, "hits": gone.hits, "example": gone.example} for gone in sieve.gone},
    }


def _start_of(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)
