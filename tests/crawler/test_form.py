"""Reading sign-in forms: what is sent, and what is never sent."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from crawler.form import asks_for_a_second_factor, leads_to_a_second_factor, sign_in_form

PAGE = "https://shop.example/en/account/login/?next=/"

DJANGO = (
    '<form class="search"><input name="q"></form>'
    '<form method="post"><input name="a"><input type="password" name="p1"><input type="password" name="p2"></form>'
    '<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="t&amp;k">'
    '<input type="text" name="username" autofocus><input type="password" name="password">'
    '<input type="hidden" name="next" value=""><input type="checkbox" name="stay" checked>'
    '<input type="checkbox" name="news"><input type="text" name="old" disabled><input type="file" name="f">'
    '<button name="do" value="login">Sign in</button></form>'
)


def test_the_form_is_filled_in_as_a_browser_does() -> None:
    form = sign_in_form(DJANGO, PAGE)
    assert form.target == "/en/account/login/?next=/"
    assert parse_qsl(form.body("ann", "p&=ä").decode(), keep_blank_values=True) == [
        ("csrfmiddlewaretoken", "t&k"), ("next", ""), ("stay", "on"), ("do", "login"), ("username", "ann"),
        ("password", "p&=ä"),
    ]  # fmt: skip
    assert "t&k" not in repr(form)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("", "/en/account/login/?next=/"),
        ("/sessions?x=1#top", "/sessions?x=1"),
        ("in/", "/en/account/login/in/"),
        ("https://shop.example/sessions", "/sessions"),
    ],
)
def test_where_it_is_sent(action: str, expected: str) -> None:
    html = f'<form method=POST action="{action}"><input name=u><input type=PASSWORD name=p></form>'
    assert sign_in_form(html, PAGE).target == expected


FIELDS = "<input type=email name=u><input type=password name=p>"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Sign in with your phone</p>", "has no form"),
        (f"<form>{FIELDS}</form>", "into a URL"),
        (f"<form method=get>{FIELDS}</form>", "into a URL"),
        (f"<form method=post>{FIELDS}<button formmethod=get></button></form>", "into a URL"),
        (f"<form method=post action=https://evil.example/x>{FIELDS}</form>", "to https://evil.example,"),
        (f"<form method=post action=//evil.example/x>{FIELDS}</form>", "to https://evil.example,"),
        (f"<form method=post action=http://shop.example/x>{FIELDS}</form>", "to http://shop.example,"),
        (f"<form method=post action=https://shop.example:8443/>{FIELDS}</form>", "to https://shop.example:8443,"),
        (f"<base href=https://evil.example/><form method=post action=x>{FIELDS}</form>", "to https://evil.example,"),
        (f"<form method=post>{FIELDS}<button formaction=https://evil.example/></form>", "to https://evil.example,"),
        (f"<form method=post action=javascript:go()>{FIELDS}</form>", "not to the site"),
        (f"<form method=post action=https://[/x>{FIELDS}</form>", "no URL"),
    ],
)
def test_forms_that_get_no_password(html: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        sign_in_form(html, PAGE)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<form method=post><input name=x autocomplete=one-time-code></form>", True),
        ("<form method=post><input name=otp_token></form>", True),
        ("<form method=post><input type=number name=token-otp_token></form>", True),
        ("<form method=post><input type=hidden name=csrf-token><input name=q></form>", False),
        (DJANGO, False),
        ("", False),
    ],
)
def test_second_factors(html: str, expected: bool) -> None:
    assert asks_for_a_second_factor(html) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/accounts/2fa/authenticate/", True),
        ("/account/two_factor/login", True),
        ("/otp", True),
        ("/en/account/", False),
        ("/shop/hotplates/", False),
    ],
)
def test_pages_of_second_factors(path: str, expected: bool) -> None:
    assert leads_to_a_second_factor(path) is expected
