"""What warm requests wrote to the site's databases, or tried to, by route and table."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from url_manifests.traces import Trace

from . import extras

COUNTED: Final = 1000
REPORTED: Final = 50
_REST: Final = ("other routes", "")


class Writes:
    """Counts what the traces tell, in bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, bool]] = Counter()

    def note(self, trace: Trace) -> None:
        """Count what one answer reports."""
        route = str(trace.extra.get("route", ""))[:200]
        for name in ("writes", "refused"):
            for table, count in extras.counts(trace, name).items():
                where = (route, table, name == "refused")
                if where not in self._counts and len(self._counts) >= COUNTED:
                    where = (*_REST, name == "refused")
                self._counts[where] += count

    def document(self) -> list[dict[str, Any]]:
        """The report's ``writes`` field, most frequent first."""
        return [
            {"route": route, "table": table, "count": count} | ({"refused": True} if is_refused else {})
            for (route, table, is_refused), count in self._counts.most_common(REPORTED)
        ]
