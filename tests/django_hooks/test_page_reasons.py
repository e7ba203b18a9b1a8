"""The rules in their order, without a site."""

from __future__ import annotations

import django
import pytest
from django.http import HttpResponse

from django_hooks.page_reasons import page_reason
from url_manifests.reasons import REASONS
from url_manifests.traces import KeyEvent

HIT, MISS, STORED, LOST = KeyEvent.HIT, KeyEvent.MISS, KeyEvent.STORED, KeyEvent.LOST


def answer(*, cookie: bool = False, status: int = 200, **headers: str) -> HttpResponse:
    response = HttpResponse(status=status, headers={name.replace("_", "-"): text for name, text in headers.items()})
    if cookie:
        response.set_cookie("a", "b")
    return response


@pytest.mark.parametrize(
    ("response", "bodies", "header_lists", "reason"),
    [
        (answer(), [STORED], [STORED], ""),
        (answer(), [HIT], [HIT], ""),
        (answer(), [STORED, HIT], [STORED, HIT], ""),
        (answer(), [STORED], [LOST], "refused-by-backend"),
        (answer(), [LOST], [STORED], "refused-by-backend"),
        (answer(status=500), [], [STORED], "status"),
        (answer(status=304), [MISS], [HIT], "status"),
        (answer(status=302), [], [], "redirect"),
        (answer(), [], [], "no-page-cache"),
        (answer(cookie=True, Vary="Accept, cookie", Cache_Control="private"), [], [MISS], "sets-cookie"),
        (answer(cookie=True), [], [MISS], "not-looked-up"),
        (answer(Cache_Control="private, no-cache"), [], [MISS], "no-cache"),
        (answer(Cache_Control='Private="Set-Cookie"'), [], [MISS], "private"),
        (answer(Cache_Control="private", Vary="*"), [], [MISS], "private"),
        (answer(Vary="*", Cache_Control="max-age=0"), [], [MISS], "vary-star"),
        (answer(Cache_Control="max-age=0"), [], [MISS], "max-age-0"),
        (answer(Cache_Control="max-age=60"), [MISS], [HIT], "not-looked-up"),
    ],
)
def test_the_first_rule_that_holds_is_the_reason(response, bodies, header_lists, reason):
    assert page_reason(response, bodies, header_lists) == reason
    assert reason == "" or reason in REASONS


def test_before_django_6_1_a_directive_counts_inside_a_word():
    expected = "not-looked-up" if django.VERSION >= (6, 1) else "private"
    assert page_reason(answer(Cache_Control="x-private-thing"), [], [MISS]) == expected
