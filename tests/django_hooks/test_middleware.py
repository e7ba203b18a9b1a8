"""Who gets a trace, and what a page is said to be: through real requests on real backends."""

from __future__ import annotations

import pickle
import random
import re
import string
import time
from timeit import repeat

import django
import pytest
from django.core.cache import cache
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpResponse
from django.test import Client, RequestFactory

from django_hooks import middleware
from django_hooks.middleware import CacheWarmingMiddleware
from url_manifests.protocol import SITE_HEADER, TICKET_HEADER, TRACE_HEADER, Purpose
from url_manifests.traces import KeyEvent, decode_site_view

from . import urls
from .conftest import BACKENDS, KEEPING
from .tickets import HOST, SECRET, read, ticket, warm, warm_headers

HIT, STORED, MISS, LOST = KeyEvent.HIT, KeyEvent.STORED, KeyEvent.MISS, KeyEvent.LOST


@pytest.mark.parametrize("backend", KEEPING, indirect=True)
def test_a_page_is_stored_then_hit(site, backend):
    first, second = warm("/page/"), warm("/page/")
    assert (first.pages, first.trace.reason, first.trace.page_hit) == ([STORED, STORED], "", False)
    assert (second.pages, second.trace.reason, second.trace.page_hit) == ([HIT, HIT], "", True)
    assert first.trace.private_aliases == ({"default"} if backend == "locmem" else frozenset())


def test_what_a_stored_page_varies_on_is_told(site):
    """Whoever has another browser misses it."""
    assert [warm("/by_agent/").trace.extra.get("vary") for _ in range(2)] == [["user-agent"]] * 2
    assert "vary" not in warm("/page/").trace.extra


def test_what_is_stored_keeps_the_headers_that_the_trace_must_not_have(site):
    """Shared caches on the way get neither; visitors get what the application says."""
    warmed, visited = warm("/for_cdn/").response, Client().get("/for_cdn/", headers={"host": HOST})
    assert visited.headers["Age"] == "0"
    assert visited.headers["Cache-Control"] == "public, max-age=60"
    assert (visited.headers["Surrogate-Control"], visited.headers["Edge-CDN-Cache-Control"]) == ("max-age=600",) * 2
    assert warmed.headers["Cache-Control"] == "private, no-store"
    assert warmed.headers.keys() & {"Expires", "Surrogate-Control", "Edge-CDN-Cache-Control"} == set()


@pytest.mark.parametrize("backend", ["dummy"], indirect=True)
def test_a_store_that_keeps_nothing_says_so(site):
    answer = warm("/page/")
    assert answer.pages == [LOST, LOST]
    assert (answer.trace.reason, answer.trace.private_aliases) == ("refused-by-backend", {"default"})


@pytest.mark.parametrize("backend", ["memcached"], indirect=True)
def test_an_item_that_memcached_refuses_is_lost(site):
    """PyMemcacheCache raises, so the visitor sees an error page, and the trace says which write it was."""
    answer = warm("/too_large/", client=Client(raise_request_exception=False))
    assert answer.trace.extra["raised"] == 1
    assert (answer.pages, answer.trace.reason) == ([STORED, LOST], "refused-by-backend")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/plain/", "no-page-cache"),
        ("/private/", "private"),
        ("/no_cache/", "no-cache"),
        ("/never/", "no-store"),
        ("/vary_star/", "vary-star"),
        ("/max_age_0/", "max-age-0"),
        ("/streaming/", "streaming"),
        ("/redirect/", "redirect"),
        ("/gone/", "status"),
        ("/by_agent/", ""),
        ("/deferred/", ""),
    ],
)
def test_the_reason_is_why_the_next_visitor_misses(site, target, reason):
    first, second = warm(target), warm(target)
    assert first.trace.reason == reason
    assert second.trace.page_hit is (reason == "")
    assert second.trace.reason == reason


def test_a_deferred_template_is_traced_with_its_fragments(site):
    assert warm("/deferred/").parts == [STORED]


@pytest.fixture
def cached_site(site):
    """All pages under the cache middleware, which sees what the middleware inside of it did to the response."""
    core = "django.middleware.cache."
    first, *others = site.MIDDLEWARE
    site.MIDDLEWARE = [first, f"{core}UpdateCacheMiddleware", *others, f"{core}FetchFromCacheMiddleware"]
    return site


@pytest.mark.parametrize(
    ("target", "reason"),
    [("/bare/form/", "sets-cookie"), ("/bare/signed_in/", "sets-cookie"), ("/bare/touches_user/", "")],
)
def test_a_page_that_sets_a_cookie_and_varies_on_it_is_never_stored(cached_site, target, reason):
    assert warm(target).trace.reason == reason
    assert warm(target).trace.page_hit is (reason == "")


def test_the_whole_cookie_header_is_in_the_key_of_a_page_that_touches_the_user(cached_site):
    warm("/bare/touches_user/")
    assert warm("/bare/touches_user/").trace.page_hit
    assert not warm("/bare/touches_user/", headers={"cookie": "_ga=GA1.2"}).trace.page_hit


def test_a_session_warms_nothing_for_another_session_of_the_same_user(cached_site, django_user_model):
    user = django_user_model.objects.create_user("ann")
    for _ in range(2):
        client = Client()
        client.force_login(user)
        assert warm("/bare/touches_user/", client=client).pages[-1] is not HIT


def test_session_keys_never_reach_a_trace(cached_site, django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.create_user("ann"))
    answer = warm("/bare/touches_user/", client=client)
    assert answer.trace.extra["secret"] == 1
    assert not any(client.session.session_key in key.key for key in answer.trace.keys)


def test_an_analytics_cookie_in_a_key_never_reaches_a_trace(site):
    urls.todo.append(lambda cache: cache.get("visitor:GA1.2.1234567890"))
    urls.todo.append(lambda cache: cache.get("mail:ann@shop.example"))
    answer = warm("/calls/", headers={"cookie": "_ga=GA1.2.1234567890"})
    assert (answer.trace.keys, answer.trace.extra) == ((), {"secret": 2})


def test_a_warmer_with_authorization_warms_another_page(site):
    warm("/page/", headers={"authorization": "Bearer x"})
    assert not warm("/page/").trace.page_hit


def test_parameters_in_another_order_are_another_page(site):
    warm("/page/?a=1&b=2")
    assert warm("/page/?a=1&b=2").trace.page_hit
    assert not warm("/page/?b=2&a=1").trace.page_hit


def test_what_warm_requests_stored_a_visitor_gets_without_a_header_of_ours(site):
    """The page is stored by a ticketed request, and read by one without: no header may have got into the store."""
    for purpose in (Purpose.HELLO, Purpose.WARM):
        warm("/page/", purpose=purpose)
    response = Client().get("/page/", headers={"host": HOST})
    assert response.headers["Age"]
    assert TRACE_HEADER not in response.headers
    assert SITE_HEADER not in response.headers
    stored = [pickle.loads(row) for row in _stored_values()]
    assert not any(TRACE_HEADER in value.headers for value in stored if isinstance(value, HttpResponse))


def _stored_values():
    import base64

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM warming_test_cache")
        rows = [base64.b64decode(row[0]) for row in cursor.fetchall()]
    assert len(rows) == 2
    return rows


def test_hello_tells_how_the_site_sees_the_request(site):
    site.CACHE_WARMING = {"SECRET": SECRET, "RELEASE": "v7"}
    view = decode_site_view(warm("/page/?x=1", purpose=Purpose.HELLO).response.headers[SITE_HEADER])
    assert view.absolute_uri == f"http://{HOST}/page/?x=1"
    assert (view.language, view.time_zone, view.release) == ("en", "Europe/Berlin", "v7")
    assert view.django == django.get_version()
    assert view.aliases == {"default": "django.core.cache.backends.db.DatabaseCache"}


def test_hello_tells_the_language_that_locale_middleware_chose(site):
    site.MIDDLEWARE = [*site.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    answer = warm("/page/", purpose=Purpose.HELLO, headers={"accept-language": "de-AT,de;q=0.9"})
    assert decode_site_view(answer.response.headers[SITE_HEADER]).language == "de"


def test_site_code_can_tell_a_warm_request_from_a_visitor(site):
    assert warm("/marked/").response.json() == {"run_id": "run-1", "purpose": "warm"}
    assert Client().get("/marked/", headers={"host": HOST}).json() == {"run_id": None, "purpose": None}


@pytest.mark.parametrize(
    ("reason", "header", "sent"),
    [
        ("malformed", "nonsense", {}),
        ("malformed", "x" * 5_000, {}),
        ("forged", ticket("/page/", secret="another-secret-" + "x" * 32), {}),
        ("forged", ticket("/other/"), {}),
        ("forged", ticket("/page/", host="evil.example"), {}),
        ("forged", ticket("/page/?a=1"), {}),
        ("expired", ticket("/page/", lives_s=-1), {}),
    ],
    # Not by the tickets, which are others in each of the processes that share the tests.
    ids=("nonsense", "long", "other-secret", "other-path", "other-host", "other-query", "expired"),
)
def test_a_bad_ticket_gets_what_a_visitor_gets(site, reason, header, sent):
    plain = Client().get("/page/", headers={"host": HOST})
    cache.clear()
    answer = read(Client().get("/page/", headers={"host": HOST, TICKET_HEADER: header, **sent}))
    assert answer.trace is None
    assert dict(answer.response.headers).keys() == dict(plain.headers).keys()
    assert middleware.refused == {reason: 1}


def test_a_ticket_is_good_for_get_only(site):
    assert read(Client().post("/marked/", headers=warm_headers("/marked/"))).trace is None
    assert middleware.refused == {"method": 1}


def test_a_host_that_is_not_allowed_is_no_ticket_and_no_crash(site):
    headers = {"host": "evil.example", TICKET_HEADER: ticket("/plain/", host="evil.example")}
    assert Client().get("/plain/", headers=headers).status_code == 200
    assert middleware.refused == {"host": 1}


@pytest.mark.parametrize(
    ("configured", "reason"),
    [
        ({}, "no-secret"),
        ({"SECRET": SECRET, "ENABLED": False}, "disabled"),
        ({"SECRET": "short"}, "misconfigured"),
        ({"SECRET": None}, "misconfigured"),
        ("no dict", "misconfigured"),
    ],
)
def test_settings_that_allow_no_ticket(site, configured, reason):
    site.CACHE_WARMING = configured
    assert warm("/page/").trace is None
    assert middleware.refused == {reason: 1}


def test_a_fallback_secret_is_accepted_while_rotating(site):
    site.CACHE_WARMING = {"SECRET": "the-new-secret-" + "n" * 32, "SECRET_FALLBACKS": [SECRET]}
    assert warm("/page/").trace is not None


@pytest.mark.parametrize(
    "target",
    ["/slow/%C3%BC.b/", "/slow/a%3Fb/?q=1", "/slow/100%25/", "/plain/?q=%C3%A4&a=b|c&d[]={}", "/plain/?q=a+b%20c&&x"],
)
def test_a_target_that_needs_encoding_keeps_its_ticket(site, target):
    assert warm(target).trace is not None


@pytest.mark.parametrize("outer", ["django.middleware.cache.UpdateCacheMiddleware"])
def test_behind_a_page_cache_it_does_not_run_at_all(site, outer):
    site.MIDDLEWARE = [outer, middleware.PATH]
    with pytest.raises(MiddlewareNotUsed, match=f"must come before {re.escape(outer)}"):
        CacheWarmingMiddleware(lambda request: HttpResponse())


def test_in_front_of_the_cache_middleware_the_page_is_traced(cached_site):
    assert warm("/plain/").pages == [STORED, STORED]
    assert warm("/plain/").trace.page_hit
    assert TRACE_HEADER not in Client().get("/plain/", headers={"host": HOST}).headers


def test_a_live_request_costs_less_than_two_microseconds(site):
    request = RequestFactory().get("/page/")
    response = HttpResponse()
    layer = CacheWarmingMiddleware(lambda request: response)
    seconds = min(repeat(lambda: layer(request), number=10_000, repeat=7)) / 10_000
    bare = min(repeat(lambda: layer.get_response(request), number=10_000, repeat=7)) / 10_000
    assert seconds - bare < 2e-6


def test_a_cut_trace_says_how_much_is_missing(site):
    answer = warm("/many/")
    assert len(answer.response.headers[TRACE_HEADER]) <= 3800
    assert answer.trace.omitted + len(answer.trace.keys) == 2_100


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_the_clock_of_a_ticket_is_the_sites(site, backend):
    header = ticket("/plain/", lives_s=1)
    assert int(header.split(".")[3]) >= time.time()
    assert read(Client().get("/plain/", headers={"host": HOST, TICKET_HEADER: header})).trace is not None


def test_of_a_hundred_thousand_forged_or_altered_tickets_none_is_accepted(site):
    """Altered in one character, cut, spliced from two, signed by others, moved to other requests, or made up."""
    rng = random.Random(20261122)
    alphabet = string.ascii_letters + string.digits + ".-_ é\x00"
    genuine = ticket("/page/")
    other = ticket("/page/?a=1", lives_s=120)
    factory = RequestFactory()
    accepted = 0
    for number in range(100_000):
        value, target = genuine, "/page/"
        kind = number % 6
        if kind == 0:
            at = rng.randrange(len(genuine))
            value = genuine[:at] + rng.choice(alphabet.replace(genuine[at], "")) + genuine[at + 1 :]
        elif kind == 1:
            at = rng.randrange(1, len(genuine))
            value = genuine[:at] + genuine[at + 1 :] if rng.random() < 0.5 else genuine[:at]
        elif kind == 2:
            at = rng.randrange(2, len(genuine))
            value = genuine[:at] + other[at:]
            if value == genuine:
                continue
        elif kind == 3:
            value = ticket("/page/", secret=rng.randbytes(16).hex())
        elif kind == 4:
            target = f"/page/?x={rng.random()}"
        else:
            value = "".join(rng.choices(alphabet, k=rng.randrange(300)))
        request = factory.get(target, headers={"host": HOST, TICKET_HEADER: value})
        accepted += middleware.accepted_ticket(request) is not None
    assert accepted == 0
    assert set(middleware.refused) <= {"forged", "malformed", "expired"}
    assert middleware.refused.total() > 99_000
