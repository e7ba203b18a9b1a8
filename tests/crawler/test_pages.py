"""Why what was stored was not found again."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.answer import Answer
from crawler.late import look_again
from crawler.outcome import judge
from crawler.pages import page_hit
from url_manifests.outcomes import Outcome, Result
from url_manifests.traces import Trace, TracedKey

from .test_outcome import PLANNED, page, part


def said(*keys: TracedKey, at_s: float = 1000.0, reason: str = "", **extra: Any) -> Answer:
    return Answer(status=200, trace=Trace(keys=keys, reason=reason, extra=extra), answered_at_s=at_s)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({}, {}, "evicted"),
        ({"page_ttl_s": 5}, {"at_s": 1006.0}, "expired"),
        ({"page_ttl_s": 5}, {"at_s": 1003.0}, "evicted"),
        ({"ttl_s": 1}, {"at_s": 1006.0}, "evicted"),  # a part's, not the page's
        ({}, {"fill": {"default": 0.7}}, "culled"),
        ({}, {"fill": {"other": 0.7}}, "evicted"),
        ({"made": {"default": "a1"}}, {"made": {"default": "b2"}}, "key-differs"),
        ({"made": {"default": "a1"}}, {"made": {"default": "a1"}}, "evicted"),
        ({"made": {"default": "a1"}}, {}, "evicted"),
        # whatever somebody else's site says
        ({"page_ttl_s": "soon", "made": [1]}, {"fill": {"default": "full"}, "made": 7}, "evicted"),
    ],
)
def test_a_page_that_was_stored_twice(first: dict[str, Any], second: dict[str, Any], reason: str) -> None:
    outcome = judge(PLANNED, said(page("s"), **first), said(page("s"), **second))
    assert (outcome.result, outcome.reason) == (Result.NOT_STORED, reason)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({}, {}, "evicted"),
        ({"ttl_s": 5}, {"at_s": 1006.0}, "expired"),
        ({"made": {"default": "a1"}}, {"made": {"default": "b2"}}, "key-differs"),
        ({}, {"fill": {"default": 0.7}}, "culled"),
    ],
)
def test_a_part_that_was_stored_twice(first: dict[str, Any], second: dict[str, Any], reason: str) -> None:
    answers = said(part("s"), reason="private", **first), said(part("s"), reason="private", **second)
    assert judge(PLANNED, *answers).reason == reason


HEADERS_OF = "views.decorators.cache.cache_header."


@pytest.mark.parametrize(
    ("inner", "is_hit"),
    [("h", True), ("m", False), ("s", False), ("x", False)],
)
@pytest.mark.parametrize("outer_alias", ["default", "outer"])
def test_an_outer_cache_that_only_knows_what_the_page_varies_on(outer_alias: str, inner: str, is_hit: bool) -> None:
    """Its copy is another visitor's variant: the inner one answers, and Django stores no hit a second time."""
    outer = page("h", HEADERS_OF + "outer", outer_alias), page("m", "outer", outer_alias)
    trace = Trace(keys=(*outer, page("h", HEADERS_OF + "inner"), page(inner, "inner")))
    assert page_hit(trace) is is_hit


def stored(ttl_s: int | None = None) -> Outcome:
    extra = {} if ttl_s is None else {"page_ttl_s": ttl_s}
    return judge(PLANNED, said(page("s"), **extra), said(page("h"), at_s=1001.0))


def test_when_it_ends_is_noted() -> None:
    assert stored(60).expires_at_s == 1060.0
    assert stored().expires_at_s is None


@pytest.mark.parametrize(
    ("outcome", "late", "reason"),
    [
        (stored(60), said(page("s"), at_s=1061.0), "expired"),
        (stored(60), said(page("s"), at_s=1030.0), "evicted"),
        (stored(), said(page("s"), fill={"default": 0.66}), "culled"),
        (stored(), said(page("s", "another")), "key-differs"),
        (stored(), said(page("x"), reason="cache-down"), "cache-down"),
    ],
)
def test_what_was_gone_at_the_late_check(outcome: Outcome, late: Answer, reason: str) -> None:
    now = look_again(outcome, late)
    assert now is not None
    assert (now.result, now.reason) == (Result.NOT_STORED, reason)
