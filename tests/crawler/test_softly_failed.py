"""What is taken for a failure inside a 200, and what is not."""

from __future__ import annotations

import time

import pytest

from crawler.softly_failed import soft_failure

CHROME = (
    '<header><form action="/login/"><input name="u"><input type="password" name="p"></form></header>'
    '<nav><a href="/">Home</a> <a href="/login/">Log in</a></nav>'
)
LONG = "<p>" + "A sentence about linen and how it is woven. " * 60 + "</p>"


def page(title: str = "", h1: str = "", content: str = "", head: str = "") -> str:
    heading = f"<h1>{h1}</h1>" if h1 else ""
    titles = f"<title>{title}</title>" if title else ""
    main = f"<main>{heading}{content}</main>"
    return f"<html><head>{titles}{head}</head><body>{CHROME}{main}<footer>©</footer></body></html>"


FORM = '<form method="post"><input name="user"><input type="PASSWORD" name="pass"></form>'


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        (page("500 Internal Server Error", "Internal Server Error"), "soft-error"),
        (page("503 Service Unavailable"), "soft-error"),
        (page("Error 503", "Service Temporarily Unavailable"), "soft-error"),
        (page("404 · Linden &amp; Loom", "Page not found"), "soft-error"),
        (page("404"), "soft-error"),
        (page("Linden &amp; Loom | Something went wrong!", "Oops, something went wrong…"), "soft-error"),
        (page("Shop - Down for maintenance", "We&#8217;ll be back soon".replace("&#8217;", "'")), "soft-error"),
        (page("", "Bad Gateway"), "soft-error"),
        (page("Wartungsarbeiten \u2013 Shop", "Wir sind gleich zurück"), "soft-error"),
        (page("Erreur : une erreur est survenue", "Une erreur est survenue."), "soft-error"),
        (page("Página no encontrada"), "soft-error"),
        (page("Sito in manutenzione"), "soft-error"),
        (page("Страница не найдена"), "soft-error"),
        (page("ページが見つかりません"), "soft-error"),
        (page("", "<b>Server</b> error"), "soft-error"),
        (page("Sign in · Shop", "Sign in", FORM), "login-page"),
        (page("Anmelden | Laden", "Bitte melden Sie sich an", FORM), "login-page"),
        (page("Shop", "x", head='<meta http-equiv="Refresh" content="0; URL=/accounts/login/?next=/x">'), "login-page"),
        (
            page("Shop", "x", head="<meta http-equiv=refresh content=\"3;url='https://sso.example/saml2/'\">"),
            "login-page",
        ),
    ],
)
def test_failures(html: str, reason: str) -> None:
    found, shown = soft_failure(html, "/en/p/lamp/")
    assert found == reason
    assert shown


@pytest.mark.parametrize(
    ("html", "url"),
    [
        (page("Lamps | Shop", "Lamps", LONG), "/en/lamps/"),  # a login box in the header, as on every page here
        (page("Lamps | Shop", "Lamps"), "/en/lamps/"),
        (page("500 Days of Summer", "500 Days of Summer"), "/films/7/"),
        (page("404 Eau de Parfum", "404 Eau de Parfum"), "/p/9/"),
        (page("Page not found | Blog", "Page not found", LONG), "/blog/42/"),  # an article about it
        (page("Maintenance | Garden", "Maintenance"), "/c/maintenance/"),
        (page("404 - Gone", "The 404 of our house"), "/x/"),
        (page("Error 500", "What error 500 means"), "/help/3/"),
        (page("Log in with care", "Log in with care", FORM), "/blog/5/"),
        (page("Sign in", "Sign in", FORM), "/accounts/login/"),
        (page("Sign in", "Sign in"), "/blog/6/"),  # no field for a password, but in the header
        (page("Sign in", "Sign in", f"<dialog>{FORM}</dialog>"), "/blog/6/"),
        (page("Your account", "Your account", FORM), "/account/"),
        (page("Checkout", "Checkout", FORM), "/checkout/"),
        (page("x", "x", head='<meta http-equiv="refresh" content="300">'), "/ticker/"),
        (page("x", "x", head='<meta http-equiv="refresh" content="0; url=/en/">'), "/"),
        (page("x", "x", head='<meta http-equiv="refresh" content="1800; url=/login/">'), "/desk/"),  # session's end
        (page("x", "x", head='<meta http-equiv="refresh" content="soon; url=:">'), "/"),
        ("", "/"),
        ("<<<>>> not html", "/"),
        ('{"error": "page not found"}', "/api/"),
    ],
)
def test_ordinary_pages(html: str, url: str) -> None:
    assert soft_failure(html, url) == ("", "")


@pytest.mark.parametrize(
    "piece", ["<title>", "<h1 ", "<meta ", "<meta a=", "<title></titl", "<h1>" + "x" * 900, "<" * 50]
)
def test_hostile_pages_take_no_time(piece: str) -> None:
    html = piece * (300_000 // len(piece))
    started_s = time.process_time()
    soft_failure(html, "/")
    assert time.process_time() - started_s < 5
