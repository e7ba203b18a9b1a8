"""What of a visitor's request is noted, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from django.core import serializers
from django.test import AsyncClient, Client

from django_hooks.models import ObservedExclusion, ObservedTraffic
from django_hooks.traffic import counting as counting_module
from django_hooks.traffic.counting import chosen_weight, counted
from django_hooks.traffic.folding import Variant, variant
from url_manifests.protocol import TICKET_HEADER, Ticket, sign_ticket

from .conftest import CHROME, HOST, PHONE


def test_the_second_request_of_a_cached_page_is_warm(visit, saved):
    for _ in range(3):
        visit("/p/1/")
    rows, excluded = saved()
    row = rows["/p/1/"]
    assert (row.host, row.route, row.cold_hits, row.warm_hits) == (HOST, "p/<int:number>/", 1, 2)
    assert row.cold_ms > 0
    assert row.warm_ms > 0
    assert excluded == {}


@pytest.mark.parametrize(
    ("target", "method"),
    [("/plain/", "head"), ("/plain/", "post"), ("/moved/", "get"), ("/broken/", "get"), ("/nowhere/", "get")],
)
def test_only_a_get_that_a_cache_could_have_answered_is_counted(visit, saved, target, method):
    visit(target, method=method)
    assert saved() == ({}, {})


def test_a_304_counts(visit, saved):
    visit("/unchanged/")
    assert saved()[0]["/unchanged/"].cold_hits == 1


@pytest.mark.parametrize("lives_s", [60, -60])
def test_whoever_sends_a_ticket_is_no_visitor_not_even_with_an_expired_one(visit, saved, lives_s):
    ticket = Ticket(run_id="run-1", expires_at_s=int(time.time()) + lives_s)
    value = sign_ticket(ticket, secret="s" * 40, host=HOST, target="/plain/")
    visit("/plain/", headers={TICKET_HEADER: value})
    assert saved() == ({}, {})


def test_off_costs_nothing(shop):
    shop.CACHE_WARMING = {}
    assert counted(answer := lambda request: None) is answer
    shop.CACHE_WARMING = {"TRAFFIC_SAMPLE_RATE": 1, "ENABLED": False}
    assert counted(answer) is answer


def test_a_wrong_setting_refuses_no_visitor(shop, visit, caplog):
    shop.CACHE_WARMING = {"TRAFFIC_SAMPLE_RATE": 7}
    assert visit("/plain/").status_code == 200
    assert "cache_warming.traffic_misconfigured" in caplog.text


def test_a_sample_stands_for_all(shop, counting, visit, saved):
    shop.CACHE_WARMING = {**shop.CACHE_WARMING, "TRAFFIC_SAMPLE_RATE": 0.25}
    for _ in range(400):
        visit("/plain/")
    row = saved()[0]["/plain/"]
    assert row.cold_hits % 4 == 0
    assert 200 <= row.cold_hits <= 600  # 400 expected, ± 35


def test_of_many_a_second_some_stand_for_all(shop, counting, saved, monkeypatch):
    monkeypatch.setattr(counting_module, "_WEIGH_EVERY_S", 0.2)
    shop.CACHE_WARMING = {**shop.CACHE_WARMING, "TRAFFIC_ALL_UP_TO_PER_S": 100}
    client = Client(headers={"host": HOST, "user-agent": CHROME})  # one, as each has middleware of its own
    for _ in range(3000):
        client.get("/plain/")
    noted = len(counting.notes.queue)
    assert noted < 2000
    assert saved()[0]["/plain/"].hits == pytest.approx(3000, rel=0.4)


@pytest.mark.parametrize(
    ("per_s", "weight", "least", "most_per_s", "wanted"),
    [
        (100, 1, 1, 100, 1),
        (101, 1, 1, 100, 2),
        (2200, 1, 1, 100, 32),
        (2200, 1, 3, 100, 24),  # a sample of one in three to begin with
        (700, 32, 1, 100, 8),
        (1100, 32, 1, 100, 32),  # half would do, but may not for long
        (0.1, 32, 1, 100, 1),
        (0.1, 32, 3, 100, 3),
        (50_000, 1, 1, 0, 1),
    ],
)
def test_of_how_many_requests_one_is_noted(per_s, weight, least, most_per_s, wanted):
    assert chosen_weight(per_s, weight, least, most_per_s) == wanted


def test_async_views_are_counted_too(shop, counting, saved):
    shop.ALLOWED_HOSTS = ["testserver"]  # the test client for ASGI sends this one whatever it is told

    async def visits():
        client = AsyncClient()
        return await asyncio.gather(*(client.get("/waiting/", headers={"user-agent": CHROME}) for _ in range(5)))

    assert [answer.status_code for answer in asyncio.run(visits())] == [200] * 5
    assert saved()[0]["/waiting/"].cold_hits == 5


def test_urls_are_in_the_spelling_of_djangos_page_key(visit, saved):
    for target in (
        "/search/?q=a%20b&utm_source=x",
        "/search/?q=a%20b",
        "/search/?q=a%20b&gclid=123",
        "/search/?b=2&a=1",
    ):
        visit(target)
    rows, _ = saved()
    assert {url: row.hits for url, row in rows.items()} == {"/search/?q=a%20b": 3, "/search/?b=2&a=1": 1}


def test_unsafe_and_secret_urls_are_counted_by_rule_and_never_kept(visit, saved):
    visit("/account/logout/")
    visit("/search/?token=s3cr3t")
    visit("/search/?q=jane@example.org")
    rows, excluded = saved()
    assert rows == {}
    assert set(excluded) == {"unsafe:logout", "secret:parameter-name", "secret:email"}
    assert sum(excluded.values()) == 3


def test_programs_are_no_visitors(visit, saved):
    visit("/plain/", agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    visit("/plain/", agent="UptimeRobot/2.0")
    visit("/plain/", agent="")
    assert saved() == ({}, {"bot": 2, "health-check": 1})


def test_a_host_that_the_site_does_not_serve_is_not_kept(shop, visit, saved):
    shop.ALLOWED_HOSTS = ["*"]
    visit("/plain/", headers={"host": "evil.example"})
    visit("/plain/", headers={"host": f"{'x' * 400}.example"})
    shop.ALLOWED_HOSTS = [HOST]
    assert saved() == ({}, {"host": 2})


def test_variants_are_what_vary_names_and_nothing_personal(visit, saved):
    secrets = {
        "accept-encoding": "gzip, deflate, br, zstd",
        "accept-language": "de-DE,de;q=0.9",
        "cookie": "sessionid=s3ssion; csrftoken=t0ken",
        "authorization": "Bearer b3arer",
        "x-secret": "x-s3cret",
    }
    visit("/personal/", headers=secrets)
    visit("/personal/", agent=PHONE, headers={**secrets, "accept-encoding": "jane@example.org"})
    saved()
    rows = ObservedTraffic.objects.order_by("profile")
    found = [(row.profile, row.accept_encoding, row.accept_language, row.signed_in_hits) for row in rows]
    # With USE_I18N the page key holds the active language, here the fallback: the small shop speaks what it likes.
    language = rows[0].accept_language
    assert found == [("chrome", "gzip, deflate, br, zstd", language, 1), ("safari-26-mobile", "", language, 1)]
    assert language in ("de", "en")
    stored = json.dumps(serializers.serialize("json", [*rows, *ObservedExclusion.objects.all()]))
    for secret in ("s3ssion", "t0ken", "b3arer", "s3cret", "jane", "Windows", "iPhone", "127.0.0.1"):
        assert secret not in stored


@pytest.mark.parametrize(
    ("vary", "expected"),
    [
        ("", Variant()),
        ("Cookie", Variant()),
        ("Accept-Encoding", Variant("", "gzip, br", "")),
        ("cookie, USER-AGENT", Variant("chrome", "", "")),
        ("Accept-Language, Accept-Encoding", Variant("", "gzip, br", "de-AT,de;q=0.9")),
    ],
)
def test_a_variant_has_only_what_the_response_names(vary, expected):
    assert variant(vary, "chrome", "gzip, br", "de-AT,de;q=0.9") == expected


@pytest.mark.parametrize("value", ["jane@example.org", "gzip, secret-0123456789", "gzip, " * 50 + "br", "gzip\n"])
def test_what_is_no_list_of_encodings_is_not_kept(value):
    assert variant("Accept-Encoding", "", value, "") == Variant()
