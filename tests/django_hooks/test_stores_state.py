"""What a store says of itself: down, full, and how long its entries have to live."""

from __future__ import annotations

import itertools
from contextlib import closing

import pytest
from django.core.cache import cache, caches
from django.test import Client

from django_hooks import store_state
from django_hooks.backends import open_store, shortest_time_left_s
from django_hooks.crosscheck import Tally, cross_check
from url_manifests.outcomes import KeyState, Outcome, Result
from url_manifests.traces import KeyKind

from .tickets import warm

TELLING = ["db", "redis", "django-redis", "memcached", "file"]


@pytest.mark.parametrize("backend", TELLING, indirect=True)
def test_the_least_time_left_is_told_by_alias(site):
    cache.set_many({"a": 1, "b": 2}, 100)
    cache.set("c", 3, 50, version=2)
    cache.set("d", 4, None)
    keys = [("a", None), ("b", None), ("c", 2), ("d", None)]
    states = (
        KeyState(alias="default", key=key, version=version, kind=KeyKind.PART, result=Result.STORED)
        for key, version in keys
    )
    tally = Tally()
    list(cross_check([Outcome(url="/", result=Result.STORED, weight=1, keys=tuple(states))], tally))
    assert 45 < tally.document()["time_left_s"]["default"] <= 50


def shortest(keys):
    with closing(open_store("default")) as store:
        return shortest_time_left_s(store, keys, None)


@pytest.mark.parametrize("backend", ["locmem"], indirect=True)
def test_a_backend_that_cannot_tell_says_nothing(site):
    cache.set("a", 1, 100)
    assert shortest(["a"]) is None


@pytest.mark.parametrize("backend", TELLING, indirect=True)
def test_what_never_ends_or_is_not_there_has_no_time(site):
    cache.set("a", 1, None)
    assert shortest(["a", "gone"]) is None


@pytest.mark.parametrize("backend", ["db", "file", "locmem"], indirect=True)
def test_a_full_store_is_told_and_what_it_culls_is_named(site, backend):
    options = {**site.CACHES["default"], "OPTIONS": {"MAX_ENTRIES": 3, "CULL_FREQUENCY": 1}}
    site.CACHES = {"default": options}
    cache.set_many({f"filler-{number}": 1 for number in range(3)})
    assert store_state.fill(caches["default"]) >= 0.9
    assert warm("/page/").trace.extra["fill"]["default"] >= store_state.NEARLY_FULL


def test_a_store_that_swallows_its_errors_is_down(site):
    site.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"IGNORE_EXCEPTIONS": True},
        }
    }
    assert warm("/page/").trace.reason == "cache-down"


def test_a_store_that_is_down_is_named(site, backend):
    site.CACHES = {
        **site.CACHES,
        "parts": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"},
    }
    trace = warm("/two_caches/", client=Client(raise_request_exception=False)).trace
    assert (trace.reason, trace.extra["down"]) == ("cache-down", ["parts"])


@pytest.mark.parametrize("backend", ["redis", "django-redis"], indirect=True)
@pytest.mark.parametrize("target", ["/interrupted/", "/interrupted_and_caught/"])
def test_one_that_failed_for_a_moment_and_answers_again(site, target):
    """Neither the page nor its view is at fault, and nothing is down any more."""
    patience = (
        {"SOCKET_TIMEOUT": 0.2} if "django_redis" in site.CACHES["default"]["BACKEND"] else {"socket_timeout": 0.2}
    )
    site.CACHES = {"default": {**site.CACHES["default"], "OPTIONS": patience}}
    trace = warm(target, client=Client(raise_request_exception=False)).trace
    assert (trace.reason, "down" in trace.extra) == ("cache-interrupted", False)


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_a_well_store_is_well(site):
    assert (store_state.why_lost(cache), store_state.fill(cache)) == ("", 0.0)


def test_the_shortest_timeout_is_told(site):
    extra = warm("/deferred/").trace.extra
    assert (extra["ttl_s"], extra["page_ttl_s"]) == (60, 60)
    assert warm("/deferred/").trace.extra.keys().isdisjoint({"ttl_s", "page_ttl_s"})  # it wrote nothing


_numbers = itertools.count()


def numbered(key, key_prefix, version):
    """A key of its own for every call."""
    return f"{key_prefix}:{version}:{next(_numbers)}:{key}"


def test_how_an_alias_makes_its_keys_is_told(site):
    first, second = (warm(target).trace.extra["made"]["default"] for target in ("/page/?a", "/page/?b"))
    assert first == second
    site.CACHES = {"default": {**site.CACHES["default"], "VERSION": 7}}
    assert warm("/page/?c").trace.extra["made"]["default"] != first


@pytest.mark.parametrize("backend", ["db", "redis"], indirect=True)
def test_a_key_function_that_never_gives_the_same_key_is_named(site, backend):
    site.CACHES = {"default": {**site.CACHES["default"], "KEY_FUNCTION": f"{__name__}.numbered"}}
    assert warm("/page/").trace.reason == "key-differs"
