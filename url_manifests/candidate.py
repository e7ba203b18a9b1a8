"""A page that may be listed: what counting hands to `selection`, whatever counted it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .entry import Entry


class Candidate(NamedTuple):
    """One page with all that was counted of it. A tuple, because one is made for every page that is ranked."""

    page: int
    """Its hash."""
    host: str
    url: str
    hits: int
    predicted_hits: float | None
    signed_in: float
    cold_ms: float | None
    warm_ms: float | None
    route: str = ""
    """As the source tells it, or guessed from the URL; empty: `Selection` guesses."""

    @property
    def expected_hits(self) -> float:
        """Requests to come."""
        return float(self.hits) if self.predicted_hits is None else self.predicted_hits

    def entry(self, shares: Mapping[str, float], first_profile: str) -> Entry:
        """As it stands in a manifest.

        Args:
            shares: share of the visitors by header profile.
            first_profile: of the manifest, which an entry does not name when all visitors have it.
        """
        return Entry(
            url=self.url,
            host=self.host,
            hits=self.hits,
            predicted_hits=self.predicted_hits,
            cold_ms=self.cold_ms,
            warm_ms=self.warm_ms,
            route=self.route,
            variants={} if shares == {first_profile: 1.0} else shares,
            signed_in=self.signed_in,
        )
