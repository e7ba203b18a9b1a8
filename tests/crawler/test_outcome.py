"""Every combination of answers, and the outcome that it must give."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from crawler.answer import Answer
from crawler.outcome import judge, needs_second_request, skipped
from crawler.plan import Planned
from url_manifests.manifest import Entry
from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.reasons import REASONS
from url_manifests.traces import HEADER_LIST_PREFIX, KeyEvent, KeyKind, Trace, TracedKey

PLANNED = Planned(number=0, entry_number=0, entry=Entry(url="/a/", hits=100), profile="chrome", headers=(), weight=71.0)


HEAD = f"{HEADER_LIST_PREFIX}x"


def page(event: str, key: str = "page", alias: str = "default") -> TracedKey:
    return TracedKey(alias=alias, key=key, event=KeyEvent(event), kind=KeyKind.PAGE)


def part(event: str, key: str = "part", alias: str = "default") -> TracedKey:
    return TracedKey(alias=alias, key=key, event=KeyEvent(event), kind=KeyKind.PART)


def ok(
    *keys: TracedKey, reason: str = "", private: tuple[str, ...] = (), omitted: int = 0, status: int = 200
) -> Answer:
    trace = Trace(keys=keys, reason=reason, private_aliases=frozenset(private), omitted=omitted)
    return Answer(status=status, trace=trace, elapsed_ms=5.0)


def failed(reason: str, status: int | None = None) -> Answer:
    return Answer(status=status, reason=reason, detail=str(status or ""))


@dataclass
class Case:
    first: Answer
    second: Answer | None
    result: Result
    reason: str = ""
    is_cacheable: bool = True
    parts: tuple[Result, ...] = ()


WARM, STORED, NOT_STORED = Result.ALREADY_WARM, Result.STORED, Result.NOT_STORED
FAILED, UNVERIFIABLE = Result.FAILED, Result.UNVERIFIABLE
NO_TRACE = Answer(status=200)

CASES = {
    # --- the page ---
    "page hit at once": Case(ok(page("h")), None, WARM),
    "page hit by the second": Case(ok(page("s")), ok(page("h")), STORED),
    "header list there, page stored": Case(ok(page("h", HEAD), page("s")), ok(page("h", HEAD), page("h")), STORED),
    "header list there, page missed twice": Case(
        ok(page("h", HEAD), page("s", "p1")), ok(page("h", HEAD), page("s", "p2")), NOT_STORED, "key-differs"
    ),
    "page stored twice under one key": Case(ok(page("s")), ok(page("s")), NOT_STORED, "evicted"),
    "page stored, then missed": Case(ok(page("s")), ok(page("m")), NOT_STORED, "evicted"),
    "missed by an outer cache that never keeps it, hit in the inner": Case(
        ok(page("m"), page("s", alias="inner")), ok(page("m"), page("h", alias="inner")), STORED
    ),
    "hit in the inner cache, stored by the outer each time": Case(
        ok(page("s"), page("h", alias="inner")), ok(page("s"), page("h", alias="inner")), NOT_STORED, "evicted"
    ),
    "header list in the inner cache, but no page": Case(
        ok(page("m"), page("h", HEAD, "inner"), page("s", "p", "inner")),
        ok(page("m"), page("h", HEAD, "inner"), page("m", "p", "inner")),
        NOT_STORED,
        "evicted",
    ),
    "page refused": Case(ok(page("x")), ok(page("x")), NOT_STORED, "refused-by-backend"),
    "page refused, then stored": Case(ok(page("x")), ok(page("s")), NOT_STORED, "refused-by-backend"),
    "page missed for no reason": Case(ok(page("m")), ok(page("m")), NOT_STORED, "not-looked-up"),
    "no key and no reason": Case(ok(), ok(), NOT_STORED, "not-looked-up"),
    "the second says why": Case(
        ok(page("m")), ok(page("m"), reason="sets-cookie"), NOT_STORED, "sets-cookie", is_cacheable=False
    ),
    "stored, and then the application forbids it": Case(
        ok(page("s")), ok(page("m"), reason="sets-cookie"), NOT_STORED, "sets-cookie", is_cacheable=False
    ),
    "another status that Django does not store": Case(ok(status=206), None, NOT_STORED, "status", is_cacheable=False),
    # --- parts of a page that may not be cached ---
    "nothing to cache": Case(ok(reason="private"), None, NOT_STORED, "private", is_cacheable=False),
    "all parts there": Case(ok(part("h"), reason="private"), None, WARM, "private", parts=(WARM,)),
    "a part stored": Case(
        ok(part("s"), reason="private"), ok(part("h"), reason="private"), STORED, "private", parts=(STORED,)
    ),
    "one there, one stored": Case(
        ok(part("h"), part("s", "b"), reason="private"),
        ok(part("h"), part("h", "b"), reason="private"),
        STORED,
        "private",
        parts=(WARM, STORED),
    ),
    "an outer part hides an inner one": Case(
        ok(part("s", "outer"), part("s", "inner"), reason="private"),
        ok(part("h", "outer"), reason="private"),
        STORED,
        "private",
        parts=(STORED, STORED),
    ),
    "one stored, one refused": Case(
        ok(part("s"), part("x", "b"), reason="private"),
        ok(part("h"), part("x", "b"), reason="private"),
        NOT_STORED,
        "refused-by-backend",
        parts=(STORED, NOT_STORED),
    ),
    "a part is computed each time": Case(
        ok(part("s"), reason="private"), ok(part("s"), reason="private"), NOT_STORED, "evicted", parts=(NOT_STORED,)
    ),
    "a part with a new key each time": Case(
        ok(part("s", "n1"), reason="private"),
        ok(part("s", "n2"), reason="private"),
        NOT_STORED,
        "key-differs",
        parts=(STORED, STORED),
    ),
    "a part refused, then stored": Case(
        ok(part("x"), part("h", "b"), reason="private"),
        ok(part("s"), part("h", "b"), reason="private"),
        STORED,
        "private",
        parts=(STORED, WARM),
    ),
    "probes and counters only": Case(
        ok(part("m"), part("w", "b"), reason="private"), None, NOT_STORED, "private", is_cacheable=False
    ),
    "a counter beside a part that was there": Case(
        ok(part("h"), part("w", "b"), reason="private"), None, WARM, "private", parts=(WARM,)
    ),
    "only a session of its own": Case(
        ok(part("s", "django.contrib.sessions.cached_db1"), reason="sets-cookie"),
        ok(part("s", "django.contrib.sessions.cached_db2"), reason="sets-cookie"),
        NOT_STORED,
        "sets-cookie",
        is_cacheable=False,
    ),
    # --- parts of a page that is cached ---
    "page stored, its part too": Case(ok(page("s"), part("s")), ok(page("h")), STORED, parts=(STORED,)),
    "page stored, its part refused": Case(ok(page("s"), part("x")), ok(page("h")), STORED, parts=(NOT_STORED,)),
    "page lost, its part stored": Case(
        ok(page("x"), part("s")), ok(page("x"), part("h")), NOT_STORED, "refused-by-backend", parts=(STORED,)
    ),
    # --- stores that only one process sees ---
    "page hit in a private store": Case(ok(page("h"), private=("default",)), None, UNVERIFIABLE, "private-store"),
    "page stored in a private store": Case(
        ok(page("s"), private=("default",)), ok(page("h"), private=("default",)), UNVERIFIABLE, "private-store"
    ),
    "two aliases, one private": Case(
        ok(page("s"), page("s", alias="local"), private=("local",)),
        ok(page("h"), page("m", alias="local"), private=("local",)),
        STORED,
    ),
    "parts in a private store": Case(
        ok(part("s"), reason="private", private=("default",)),
        ok(part("h"), reason="private", private=("default",)),
        UNVERIFIABLE,
        "private-store",
        parts=(UNVERIFIABLE,),
    ),
    "uncacheable page looked up in a private store": Case(
        ok(page("m"), reason="no-store", private=("default",)), None, NOT_STORED, "no-store", is_cacheable=False
    ),
    # --- traces ---
    "no trace": Case(NO_TRACE, None, UNVERIFIABLE, "trace-missing"),
    "no trace from the second": Case(ok(page("s")), NO_TRACE, UNVERIFIABLE, "trace-missing"),
    "unreadable trace": Case(Answer(status=200, is_trace_broken=True), None, UNVERIFIABLE, "trace-unreadable"),
    "cut before the page's keys": Case(ok(omitted=9), ok(omitted=9), UNVERIFIABLE, "trace-cut"),
    "cut before the parts": Case(ok(reason="private", omitted=9), None, UNVERIFIABLE, "trace-cut"),
    "cut, yet the page is proven": Case(ok(page("s"), omitted=9), ok(page("h"), omitted=9), STORED),
    # --- redirects ---
    "redirect": Case(ok(reason="redirect", status=302), None, NOT_STORED, "redirect", is_cacheable=False),
    "redirect without a reason": Case(ok(status=301), None, NOT_STORED, "redirect", is_cacheable=False),
    "redirect without a trace": Case(
        Answer(status=302, location="/b/"), None, NOT_STORED, "redirect", is_cacheable=False
    ),
    "redirect with a part": Case(
        ok(part("s"), reason="redirect", status=302),
        ok(part("h"), reason="redirect", status=302),
        STORED,
        "redirect",
        parts=(STORED,),
    ),
    "redirect whose parts were there": Case(
        ok(part("h"), reason="redirect", status=302), None, WARM, "redirect", parts=(WARM,)
    ),
    "redirect that a cache of the site's own holds": Case(
        ok(page("h"), status=301), None, NOT_STORED, "redirect", is_cacheable=False
    ),
    "login": Case(failed("login-redirect", 302), None, FAILED, "login-redirect"),
    # --- no usable answer ---
    "not found": Case(failed("status-4xx", 404), None, FAILED, "status-4xx"),
    "server error": Case(failed("status-5xx", 500), None, FAILED, "status-5xx"),
    "busy": Case(failed("busy", 503), None, FAILED, "busy"),
    "timeout": Case(failed("timeout"), None, FAILED, "timeout"),
    "broken connection": Case(failed("connection"), None, FAILED, "connection"),
    "too large": Case(failed("too-large"), None, FAILED, "too-large"),
    "stored, then a server error": Case(ok(page("s")), failed("status-5xx", 500), FAILED, "status-5xx"),
    "stored, then a timeout": Case(ok(page("s")), failed("timeout"), FAILED, "timeout"),
    "stored, then a login": Case(ok(page("s")), failed("login-redirect", 302), FAILED, "login-redirect"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_outcome(case: Case) -> None:
    outcome = judge(PLANNED, case.first, case.second)
    found = (outcome.result, outcome.reason, outcome.cacheable, tuple(s.result for s in outcome.keys if s.kind == "f"))
    assert found == (case.result, case.reason, case.is_cacheable, case.parts)
    assert outcome.reason in {"", *REASONS}
    assert outcome.weight == 71.0


@pytest.mark.parametrize("case", [c for c in CASES.values() if c.second], ids=[n for n, c in CASES.items() if c.second])
def test_a_second_request_is_made_wherever_one_was_judged(case: Case) -> None:
    assert needs_second_request(case.first)


@pytest.mark.parametrize(
    "case", [c for c in CASES.values() if not c.second], ids=[n for n, c in CASES.items() if not c.second]
)
def test_no_second_request_where_the_first_says_all(case: Case) -> None:
    assert not needs_second_request(case.first)


@pytest.mark.parametrize("keys", [(part("h"),), (part("h"), page("h"))])
def test_a_redirect_is_never_a_warm_page(keys: tuple[TracedKey, ...]) -> None:
    outcome = judge(PLANNED, ok(*keys, reason="redirect", status=302))
    assert (outcome.result, outcome.page, outcome.reason) == (WARM, NOT_STORED, "redirect")


def test_a_proven_page_names_the_keys_that_prove_it() -> None:
    outcome = judge(PLANNED, ok(page("s", "list"), page("s")), ok(page("h", "list"), page("h")))
    assert [(state.key, state.result) for state in outcome.keys] == [("list", STORED), ("page", STORED)]


def test_a_key_is_listed_once_with_its_version() -> None:
    versioned = TracedKey(alias="default", key="k", version=3, event=KeyEvent.STORED, kind=KeyKind.PART)
    hit = TracedKey(alias="default", key="k", version=3, event=KeyEvent.HIT, kind=KeyKind.PART)
    outcome = judge(PLANNED, ok(versioned, reason="private"), ok(hit, reason="private"))
    assert outcome.keys == (KeyState(alias="default", key="k", version=3, kind=KeyKind.PART, result=STORED),)


def test_missed_keys_are_not_listed() -> None:
    assert judge(PLANNED, ok(page("m"), part("m"), part("w", "n"), reason="private")).keys == ()


def test_lost_parts_of_a_stored_page_are_told() -> None:
    outcome = judge(PLANNED, ok(page("s"), part("x")), ok(page("h")))
    assert (outcome.reason, outcome.detail) == ("", "1 of its parts were not kept")


def test_details_name_status_and_which_request() -> None:
    assert judge(PLANNED, failed("status-5xx", 500)).detail == "500"
    assert judge(PLANNED, ok(page("s")), failed("status-5xx", 500)).detail == "asked again: 500"


def test_times_of_both_requests() -> None:
    outcome = judge(PLANNED, ok(page("s")), ok(page("h")))
    assert (outcome.cold_ms, outcome.warm_ms) == (5.0, 5.0)


@pytest.mark.parametrize(("reason", "is_cacheable"), [("deadline", True), ("stopped", True), ("excluded", False)])
def test_skipped(reason: str, is_cacheable: bool) -> None:
    outcome: Outcome = skipped(PLANNED, reason)
    assert (outcome.result, outcome.reason, outcome.cacheable) == (Result.SKIPPED, reason, is_cacheable)
