"""What the table says of each page: its rows folded into one `Page`, streamed, page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from url_manifests.prediction import WEIGHT_ONE


class Row(NamedTuple):
    """One row of the table, in the order of `storage.read`."""

    host: str
    url: str
    hour: int
    route: str
    urlconf: str
    profile: str
    accept_encoding: str
    accept_language: str
    cold_hits: int
    cold_ms: float
    warm_hits: int
    warm_ms: float
    signed_in_hits: int

    @property
    def hits(self) -> int:
        return self.cold_hits + self.warm_hits

    @property
    def variant(self) -> str:
        """As `url_manifests.selection.VariantPolicy` takes it; empty when the response named none of the headers."""
        parts = (self.profile, self.accept_encoding, self.accept_language)
        return "\t".join(parts) if any(parts) else ""


@dataclass(slots=True)
class Page:
    """One URL of one host over the window."""

    host: str
    url: str
    route: str = ""
    urlconf: str = ""
    """Where it was resolved, if not in ``ROOT_URLCONF``."""
    weighted: int = 0
    """Predicted requests, in `WEIGHT_ONE`: a whole number, so that the sum does not depend on the order."""
    cold_hits: int = 0
    cold_ms: float = 0.0
    warm_hits: int = 0
    warm_ms: float = 0.0
    signed_in_hits: int = 0
    variants: Counter[str] = field(default_factory=Counter)

    @property
    def hits(self) -> int:
        return self.cold_hits + self.warm_hits

    @property
    def predicted_hits(self) -> float:
        return self.weighted / WEIGHT_ONE

    def add(self, row: Row, weight: int) -> None:
        """Count one hour and variant of this page."""
        self.weighted += row.hits * weight
        self.cold_hits += row.cold_hits
        self.cold_ms += row.cold_ms
        self.warm_hits += row.warm_hits
        self.warm_ms += row.warm_ms
        self.signed_in_hits += row.signed_in_hits
        self.variants[row.variant] += row.hits
        self.route = row.route or self.route
        self.urlconf = row.urlconf or self.urlconf


def pages(rows: Iterable[Row], weights: Mapping[int, int] | None) -> Iterator[Page]:
    """Each page of ``rows``, which come sorted by host and URL.

    Args:
        weights: hour → weight, as `url_manifests.prediction.hour_weights` gives it.
    """
    for (host, url), group in groupby(rows, key=lambda row: (row.host, row.url)):
        page = Page(host, url)
        for row in group:
            page.add(row, weights[row.hour] if weights else WEIGHT_ONE)
        if page.hits:  # A row of zeros is what a crash between two steps of `storage.add` leaves.
            yield page
