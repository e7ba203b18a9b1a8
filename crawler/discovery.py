"""What pages load later, as further planned requests: bounded, safe, each asked once, each with an outcome.

They are asked right after their page, in its variant. In coverage they weigh nothing: that is measured by what the
manifest expects, and a fragment that visitors ask for is in their log, and so in the manifest, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Final

from url_manifests.manifest import Entry
from url_manifests.masking import masked
from url_manifests.outcomes import Outcome
from url_manifests.safety import SafetyRules

from .page import Fragment, fragments
from .plan import Planned

MAX_PER_PAGE: Final = 20
MAX_PER_RUN: Final = 2000
MAX_DEPTH: Final = 2
"""Fragments of fragments are asked for, and no further: a calendar's next month always has a next month."""


class Discovery:
    """What was found so far. Pure.

    Args:
        absolute_uri: from host and URL to what visitors have in their address bar.
        is_selected: whether ``-a only`` means a URL.
    """

    def __init__(
        self, safety: SafetyRules, absolute_uri: Callable[[str, str], str], is_selected: Callable[[str], bool]
    ) -> None:
        self._safety = safety
        self._absolute_uri = absolute_uri
        self._is_selected = is_selected
        self._numbers = count(-2, -1)  # those of the plan count up
        self._met: set[int] = set()
        self._found: dict[int, list[Planned]] = {}
        self.counts: Counter[str] = Counter()
        """By kind, what was found; beside them ``repeated`` and ``over_limit``, which are not asked for."""
        self._planned = 0

    def meet(self, variants: Iterable[Planned]) -> None:
        """These are asked for by the plan itself. What it asks for later is found warm then."""
        self._met.update(map(_identity, variants))

    def know(self, outcome: Outcome) -> None:
        """This was found, and asked for, by an earlier part of the run."""
        self._met.add(hash((outcome.host, outcome.url, outcome.profile, outcome.persona)))
        self._planned += 1

    def note(self, page: Planned, html: str) -> None:
        """Look through a page that was answered."""
        found = fragments(html, self._absolute_uri(page.entry.host, page.entry.url))
        for number, fragment in enumerate(found):
            if number >= MAX_PER_PAGE or page.depth >= MAX_DEPTH:
                self.counts["over_limit"] += 1
            elif planned := self._plan(page, fragment):
                self._found.setdefault(page.number, []).append(planned)

    def _plan(self, page: Planned, fragment: Fragment) -> Planned | None:
        planned = replace(
            page,
            number=next(self._numbers),
            entry=Entry(url=fragment.url, host=page.entry.host, hits=0),
            headers=fragment.headers_of(page.headers),
            weight=0.0,
            found_in=page.entry.url,
            fragment=fragment,
            depth=page.depth + 1,
        )
        identity = _identity(planned)
        if identity in self._met or self._planned >= MAX_PER_RUN:
            self.counts["repeated" if identity in self._met else "over_limit"] += 1
            return None
        self._met.add(identity)
        self._planned += 1
        self.counts[fragment.kind] += 1
        return self._kept_safe(planned)

    def _kept_safe(self, planned: Planned) -> Planned:
        url = planned.entry.url
        verdict = self._safety.verdict(url)
        left_out = "" if self._is_selected(url) else "excluded"
        if verdict:
            left_out = "unsafe"
        if verdict.startswith("secret"):
            planned = replace(planned, entry=replace(planned.entry, url=masked(url)))
        return replace(planned, left_out=left_out)

    def take(self, pages: Sequence[Planned]) -> Iterator[Planned]:
        """What was found in these, once."""
        for page in pages:
            yield from self._found.pop(page.number, ())


def _identity(planned: Planned) -> int:
    # Eight bytes each: a plan may hold a million.
    return hash((planned.entry.host, planned.entry.url, planned.profile, planned.persona))
