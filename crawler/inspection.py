"""Which bodies are read, and what for: failures inside a 200, and what pages load later.

Nothing is read that nobody needs. A failure inside a 200 mostly concerns a whole route (a view that catches its
database's error) or the whole site (maintenance), so the first pages of each route are looked at, and all of a route
in which one was found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from scrapy.http import Response

from url_manifests.report import MAX_ROUTES, OTHER_ROUTES
from url_manifests.routes import route_of

from .answer import Answer
from .body import MAX_ENCODED_BYTES, is_html, text_of
from .discovery import Discovery
from .plan import Planned
from .softly_failed import soft_failure

PAGES_PER_ROUTE: Final = 3


class Inspector:
    """Looks at the first answer of each variant that is worth it.

    Args:
        soft_errors: ``sample``, ``all`` or ``none``.
        discovery: ``None`` when nobody wants to know what pages load later.
    """

    def __init__(self, soft_errors: str, discovery: Discovery | None) -> None:
        self._soft_errors = soft_errors
        self.discovery = discovery
        self._looked_at: set[int] = set()
        """Numbers of variants under way whose page was looked at."""
        self._by_route: Counter[str] = Counter()
        self._failing: set[str] = set()
        self.counts = {"looked_at": 0, "unreadable": 0}
        """Pages that were read; and of them those whose bodies are not what their headers say."""

    def keep_bytes(self, planned: Planned) -> int:
        """How much of the answer's body is needed."""
        if planned.number in self._looked_at or planned.entry_number < 0:
            return 0  # read already; or the late check, which asks for it once more
        return MAX_ENCODED_BYTES if self.discovery or self._is_suspect(planned) else 0

    def look(self, planned: Planned, answer: Answer, response: Response | None) -> Answer:
        """The answer in the light of its page."""
        if response is None or answer.reason or answer.status != 200 or planned.number in self._looked_at:
            return answer
        content_type = _header(response, "Content-Type")
        if not response.body or not is_html(content_type):
            return answer
        self._looked_at.add(planned.number)
        self.counts["looked_at"] += 1
        html = text_of(response.body, _header(response, "Content-Encoding"), content_type)
        if html is None:
            self.counts["unreadable"] += 1
            return answer
        return self._judged(planned, answer, html)

    def _judged(self, planned: Planned, answer: Answer, html: str) -> Answer:
        if self._is_suspect(planned):
            route = self._route(planned)
            self._by_route[route] += 1
            reason, detail = soft_failure(html, planned.entry.url)
            if reason:
                self._failing.add(route)
                return replace(answer, reason=reason, detail=detail)
        if self.discovery:
            self.discovery.note(planned, html)
        return answer

    def _is_suspect(self, planned: Planned) -> bool:
        if self._soft_errors != "sample":
            return self._soft_errors == "all"
        route = self._route(planned)
        return self._by_route[route] < PAGES_PER_ROUTE or route in self._failing

    def _route(self, planned: Planned) -> str:
        route = planned.entry.route or route_of(planned.entry.url)
        return route if route in self._by_route or len(self._by_route) < MAX_ROUTES else OTHER_ROUTES

    def forget(self, planned: Planned) -> None:
        """Its outcome is known."""
        self._looked_at.discard(planned.number)


def _header(response: Response, name: str) -> str:
    return (response.headers.get(name) or b"").decode("latin-1")
