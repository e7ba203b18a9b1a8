"""A page that may be listed: what counting hands to `selection`, whatever counted it."""

from __future__ import annotations

from typing import NamedTuple


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
