"""Request headers that pages vary on beyond what the manifest's variants are chosen by.

Django's page key holds the raw value of each header that ``Vary`` names. A page that varies on ``User-Agent`` is proven
warm for visitors who send the very same, to the letter, and for nobody else; so the report names what pages vary on.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from url_manifests.routes import route_of
from url_manifests.traces import Trace

from . import extras
from .requests import Wire

HEADERS: Final = 50
ROUTES: Final = 3
"""So many headers are told apart, and so many routes are named for each."""


class Varying:
    """Counts what the traces tell, in bounded memory."""

    def __init__(self) -> None:
        self._answers: Counter[str] = Counter()
        self._routes: dict[str, dict[str, None]] = {}

    def note(self, wire: Wire, trace: Trace) -> None:
        """Count what one answer's page varies on."""
        if not (headers := extras.names(trace, "vary")):
            return
        route = wire.route or route_of(wire.target)
        for header in headers:
            if header not in self._answers and len(self._answers) >= HEADERS:
                continue
            self._answers[header] += 1
            routes = self._routes.setdefault(header, {})
            if len(routes) < ROUTES:
                routes[route] = None

    def document(self) -> dict[str, Any]:
        """The report's ``varies_on``: header → ``answers`` and some ``routes``, most frequent first."""
        return {
            header: {"answers": count, "routes": list(self._routes[header])}
            for header, count in self._answers.most_common()
        }
