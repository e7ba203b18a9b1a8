"""What a page costs cold and warm, and what warming it is worth. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from url_manifests.candidate import Candidate

from .observed import Page


class Costs:
    """Mean costs, with an estimate where a page was seen from one side only.

    A page that always came from the cache shows no cold cost, and is worth warming most of all: its route's mean
    stands in, or the site's. A page that never did is taken to cost, warm, what the site's cached pages cost.
    """

    def __init__(self, pages: Iterable[Page]) -> None:
        cold: dict[str, tuple[float, int]] = {}
        warm_ms, warm_hits = 0.0, 0
        for page in pages:
            for name in {page.route, ""}:
                total_ms, hits = cold.get(name, (0.0, 0))
                cold[name] = (total_ms + page.cold_ms, hits + page.cold_hits)
            warm_ms += page.warm_ms
            warm_hits += page.warm_hits
        self._cold = {name: total_ms / hits for name, (total_ms, hits) in cold.items() if hits}
        self._warm = warm_ms / warm_hits if warm_hits else None

    def candidate(self, number: int, page: Page, *, predict: bool) -> Candidate:
        """The page as the selection takes it; ``number`` tells it again."""
        cold = page.cold_ms / page.cold_hits if page.cold_hits else self._cold.get(page.route, self._cold.get(""))
        warm = page.warm_ms / page.warm_hits if page.warm_hits else self._warm
        if cold is not None and warm is not None:
            warm = min(warm, cold)
        return Candidate(
            page=number,
            host=page.host,
            url=page.url,
            hits=page.hits,
            predicted_hits=round(page.predicted_hits, 3) if predict else None,
            signed_in=round(page.signed_in_hits / page.hits, 4),
            cold_ms=None if cold is None else round(cold, 1),
            warm_ms=None if warm is None else round(warm, 1),
            route=page.route,
        )

    def ranked(self, pages: Sequence[Page], *, predict: bool) -> list[Candidate]:
        """All pages, those that save most first; in the same order for the same table."""
        found = [self.candidate(number, page, predict=predict) for number, page in enumerate(pages)]
        return sorted(found, key=_rank)


def _rank(candidate: Candidate) -> tuple[float, float, int, str, str]:
    saving_ms = 0.0
    if candidate.cold_ms is not None and candidate.warm_ms is not None:
        saving_ms = candidate.expected_hits * (candidate.cold_ms - candidate.warm_ms)
    return (-saving_ms, -candidate.expected_hits, -candidate.hits, candidate.host, candidate.url)
