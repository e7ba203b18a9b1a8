"""The conversation about one entry, request by request."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.answer import Answer
from crawler.plan import Planned, Visitors
from crawler.visit import Visit
from url_manifests.manifest import Entry, Header, ManifestReader, write_manifest
from url_manifests.outcomes import Outcome, Result
from url_manifests.personas import Personas
from url_manifests.traces import Trace

from .test_outcome import failed, ok, page, part

LEAK = {"leak": [{"alias": "default", "key": "k", "persona": "trade"}]}


@pytest.fixture
def visitors(tmp_path: Path) -> Visitors:
    write_manifest(tmp_path / "m.jsonl", Header(entries=0, profiles={"chrome": {"User-Agent": "Chrome"}}), [])
    sessions = {"trade": "s-trade", "staff": "s-staff"}
    personas = Personas(cookie="sessionid", expires_at=datetime(2030, 1, 1, tzinfo=UTC), sessions=sessions)
    return Visitors(ManifestReader(tmp_path / "m.jsonl"), personas)


def planned(visitors: Visitors, *personas: str) -> list[Planned]:
    entry = Entry(url="/a/", hits=10)
    return [
        Planned(
            number=number,
            entry_number=0,
            entry=entry,
            profile="chrome",
            persona=persona,
            headers=visitors.headers("chrome", persona),
            weight=1.0,
        )
        for number, persona in enumerate(personas)
    ]


def talk(visit: Visit, *answers: Answer) -> tuple[list[str], list[Outcome]]:
    """Who asked, in order, and what came of it."""
    asked, outcomes = [], []
    for answer in answers:
        asked.append(visit.next.persona)
        if outcome := visit.take(answer):
            outcomes.append(outcome)
    return asked, outcomes


def test_one_variant_after_another(visitors: Visitors) -> None:
    visit = Visit(planned(visitors, "", ""), visitors)
    asked, outcomes = talk(visit, ok(page("s")), ok(page("h")), ok(page("h")))
    assert visit.is_over
    assert (len(asked), [o.result for o in outcomes]) == (3, [Result.STORED, Result.ALREADY_WARM])


@pytest.mark.parametrize("key", [page, part])
def test_a_store_that_failed_for_a_moment_is_given_another_chance(visitors: Visitors, key) -> None:
    """A database cache says nothing when its database is locked; the second request then stores, and proves nothing."""
    reason = "" if key is page else "no-page-cache"
    lost, kept, found = (ok(key(event), reason=reason) for event in "xsh")
    visit = Visit(planned(visitors, ""), visitors)
    asked, (outcome,) = talk(visit, lost, kept, found)
    assert (len(asked), outcome.result, outcome.reason) == (3, Result.STORED, reason)


def test_a_store_that_keeps_failing_is_asked_three_times_and_no_more(visitors: Visitors) -> None:
    both = ok(page("x"), part("s")), ok(page("s"), part("x")), ok(page("x"), part("s"))
    visit = Visit(planned(visitors, ""), visitors)
    asked, (outcome,) = talk(visit, *both)
    assert (len(asked), outcome.result, outcome.reason) == (3, Result.NOT_STORED, "refused-by-backend")


def test_what_a_persona_stored_is_asked_for_by_others(visitors: Visitors) -> None:
    visit = Visit(planned(visitors, "trade"), visitors)
    private = ok(part("s"), reason="private")
    asked, (outcome,) = talk(
        visit, private, ok(part("h"), reason="private"), ok(part("h"), reason="private"), failed("status-4xx", 403)
    )
    assert asked == ["trade", "trade", "", "staff"]
    assert (outcome.persona, outcome.result, outcome.reason) == ("trade", Result.STORED, "private")


def test_nothing_stored_needs_no_leak_check(visitors: Visitors) -> None:
    visit = Visit(planned(visitors, "trade"), visitors)
    _, (outcome,) = talk(visit, ok(part("h"), reason="private"))
    assert visit.is_over
    assert outcome.result is Result.ALREADY_WARM


@pytest.mark.parametrize("leaking", [0, 1, 2, 3])
def test_a_leak_in_any_answer_fails_the_entry(visitors: Visitors, leaking: int) -> None:
    clean = [ok(page("s")), ok(page("h")), ok(page("h")), ok(page("h"))]
    answers = [
        Answer(status=200, trace=Trace(keys=a.trace.keys, extra=LEAK)) if number == leaking and a.trace else a
        for number, a in enumerate(clean)
    ]
    visit = Visit(planned(visitors, "trade"), visitors)
    asked, (outcome,) = talk(visit, *answers, ok(page("s")))
    assert asked == ["trade", "trade", "", "staff", ""]
    assert (outcome.result, outcome.reason, outcome.detail) == (Result.FAILED, "leak", "default:k of trade")


def test_a_leak_is_withdrawn_when_others_store_the_same(visitors: Visitors) -> None:
    visit = Visit(planned(visitors, "trade"), visitors)
    leaking = Answer(status=200, trace=Trace(keys=(page("h"),), extra=LEAK))
    public = Answer(status=200, trace=Trace(keys=(page("s"),), extra={"cleared": LEAK["leak"]}))
    asked, (outcome,) = talk(visit, ok(page("s")), ok(page("h")), leaking, ok(page("h")), public)
    assert asked == ["trade", "trade", "", "staff", ""]
    assert outcome.result is not Result.FAILED


def test_a_page_of_the_session_is_nobody_elses(visitors: Visitors) -> None:
    visit = Visit(planned(visitors, "trade"), visitors)
    stored = ok(page("s", "own"), part("s"))
    _, (outcome,) = talk(visit, stored, ok(page("h", "own")), ok(page("s", "other")), ok(page("s", "third")))
    assert (outcome.result, outcome.reason, outcome.page) == (Result.STORED, "per-session", Result.NOT_STORED)
    assert [state.kind for state in outcome.keys] == ["f"]


def test_a_page_of_the_session_without_parts_warms_nothing(visitors: Visitors) -> None:
    visit = Visit(planned(visitors, "trade"), visitors)
    _, (outcome,) = talk(visit, ok(page("s")), ok(page("h")), ok(page("s", "x")), ok(page("s", "y")))
    assert (outcome.result, outcome.reason, outcome.cacheable) == (Result.NOT_STORED, "per-session", False)


def test_a_page_that_anonymous_visitors_share(visitors: Visitors) -> None:
    visit = Visit(planned(visitors, "", "trade"), visitors)
    _, outcomes = talk(visit, ok(page("s")), ok(page("h")), ok(page("h")))
    assert [(o.persona, o.result, o.page) for o in outcomes] == [
        ("", Result.STORED, Result.STORED),
        ("trade", Result.ALREADY_WARM, Result.ALREADY_WARM),
    ]


@pytest.mark.parametrize("extra", [{}, {"leak": None}, {"leak": []}, {"leak": "x"}, {"leak": [1]}])
def test_what_is_no_leak(extra: dict[str, object]) -> None:
    assert Answer(status=200, trace=Trace(extra=extra)).leaks == []
