"""A cache that does not answer: how long the command waits, with what time limits, and what it does then."""

from __future__ import annotations

import socket
import time

import pytest
from django.core.cache import caches
from django.test import override_settings

from django_hooks import client_timeouts
from django_hooks.warmers import CacheEntry, register

from .commands import command

DEAD = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}


@pytest.fixture
def two_caches(own, settings):
    """Three keys in a cache that is down, and then three in one that is not."""
    settings.CACHES = {**settings.CACHES, "dead": DEAD}
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "CACHE_WAIT_S": 0}

    @register("lost", timeout=60, alias="dead", priority=5)
    def lost():
        for number in range(3):
            yield CacheEntry(key=f"l{number}", value=number)

    return ("--only", "lost", "--only", "numbers", "--require-coverage", "0.9")


def test_by_default_it_goes_on_with_other_caches(two_caches):
    code, output, _ = command(*two_caches)
    assert code == 3
    assert "3 stored" in output
    assert "3 cache-down: lost:l0" in output


def test_it_stops_where_that_is_wished_for(two_caches):
    code, output, error = command(*two_caches, "--cache-down", "stop")
    assert code == 5
    assert "a cache does not answer (lost:l0" in error
    assert "stored" not in output.splitlines()[0].partition(",")[0]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_it_stops_in_each_mode_by_the_setting(two_caches, settings, mode):
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "CACHE_DOWN": "stop"}
    assert command(*two_caches, "--mode", mode)[0] == 5


def test_it_waits_as_long_as_it_is_told(two_caches):
    began_s = time.monotonic()
    command(*two_caches, "--cache-wait", "8")
    assert 8 <= time.monotonic() - began_s < 25


@pytest.mark.parametrize(("name", "value"), [("CACHE_DOWN", "panic"), ("CACHE_WAIT_S", -1), ("CACHE_TIMEOUT_S", 0)])
def test_a_wrong_policy_is_named(own, settings, name, value):
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, name: value}
    code, _, error = command("--only", "numbers")
    assert code == 2
    assert f"CACHE_WARMING['{name}']" in error


def test_a_client_without_a_time_limit_gets_one_for_the_run(own, settings):
    """pymemcache would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        memcached = {
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": f"127.0.0.1:{port}",
        }
        settings.CACHES = {**settings.CACHES, "silent": memcached}
        settings.CACHE_WARMING = {**settings.CACHE_WARMING, "CACHE_WAIT_S": 0, "CACHE_TIMEOUT_S": 0.5}

        @register("lost", timeout=60, alias="silent")
        def lost():
            yield CacheEntry(key="x", value=1)

        began_s = time.monotonic()
        assert command("--only", "lost", "--only", "numbers")[0] == 3
        assert time.monotonic() - began_s < 20
    assert "OPTIONS" not in memcached or memcached["OPTIONS"] == {}


def test_a_time_limit_of_the_projects_own_stays(configure):
    given = {**configure("memcached"), "OPTIONS": {"timeout": 7}}
    with override_settings(CACHES={"default": given}), client_timeouts.imposed(3):
        assert caches["default"]._options.items() >= {"timeout": 7, "connect_timeout": 3}.items()
