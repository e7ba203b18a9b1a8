"""What the report says about routes: grouped, ranked, with a hint, in bounded memory."""

from __future__ import annotations

from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.reasons import REASONS
from url_manifests.report import MAX_ROUTES, OTHER_ROUTES, ROUTES_SHOWN, Report
from url_manifests.traces import KeyKind

KEY = KeyState(alias="default", key="k", kind=KeyKind.PART, result=Result.STORED)


def report_of(*outcomes):
    report = Report(run_id="r", env="test", require_coverage=0.5)
    for url, reason in outcomes:
        result = Result.NOT_STORED if reason else Result.STORED
        report.add(Outcome(url=url, result=result, reason=reason, weight=1))
    return report


def test_causes_are_grouped_by_route_with_a_hint_for_the_first():
    report = report_of(
        ("/en/p/42/", "sets-cookie"), ("/en/p/43/", "sets-cookie"), ("/en/p/44/", "private"), ("/en/", ""),
        ("/en/contact/", "no-word-of-the-table"),
    )  # fmt: skip
    first, second = report.document()["routes"]
    assert first == {
        "route": "/en/p/*/",
        "reasons": {"sets-cookie": 2, "private": 1},
        "hint": REASONS["sets-cookie"].hint,
    }
    assert (second["route"], second["hint"]) == ("/en/contact/", "")


def test_routes_are_bounded():
    names = ["".join(chr(97 + int(digit)) for digit in str(number)) for number in range(MAX_ROUTES + 50)]
    report = report_of(*((f"/{name}/", "private") for name in names))
    assert len(report.routes) == MAX_ROUTES + 1
    assert report.routes[OTHER_ROUTES]["private"] == 50
    shown = report.document()["routes"]
    assert (len(shown), shown[0]["route"]) == (ROUTES_SHOWN, OTHER_ROUTES)


def test_many_alike_count_as_one_by_one():
    one_by_one, at_once = report_of(("/", "")), report_of(("/", ""))
    for _ in range(3):
        one_by_one.add(Outcome(url="w:k", result=Result.STORED, weight=2, keys=(KEY,)))
    at_once.add_many(Result.STORED, 3, 6)
    documents = [{**report.document(), "started_at": ""} for report in (one_by_one, at_once)]
    assert documents[0] == documents[1]
