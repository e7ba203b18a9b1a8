"""Writes by route and table."""

from __future__ import annotations

from crawler.writes import COUNTED, REPORTED, Writes
from url_manifests.traces import Trace


def test_observed_and_refused_writes_are_told_apart() -> None:
    writes = Writes()
    writes.note(Trace(extra={"writes": {"log": 2}, "refused": {"log": 1, "cart": 3}, "route": "p/<slug>/"}))
    writes.note(Trace(extra={"writes": {"log": 5}, "route": "p/<slug>/"}))
    writes.note(Trace())
    assert writes.document() == [
        {"route": "p/<slug>/", "table": "log", "count": 7},
        {"route": "p/<slug>/", "table": "cart", "count": 3, "refused": True},
        {"route": "p/<slug>/", "table": "log", "count": 1, "refused": True},
    ]


def test_memory_and_report_are_bounded_and_nothing_is_lost() -> None:
    writes = Writes()
    for number in range(3 * COUNTED):
        writes.note(Trace(extra={"writes": {"log": 1, "x": "many", "y": -1}, "route": f"r{number}"}))
    first, *others = writes.document()
    assert first == {"route": "other routes", "table": "", "count": 2 * COUNTED}
    assert len(others) == REPORTED - 1
