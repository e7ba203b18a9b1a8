"""A cache from which a revocation could be missed is named before traffic comes."""

from __future__ import annotations

import pytest

from django_hooks.checks import check_cache_warming

from .conftest import PATH

CORE = "django.core.cache.backends."
REDIS = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://localhost/0"}


def found(settings, cache, **options):
    settings.AUTHENTICATION_BACKENDS = [PATH]
    settings.CACHES = {"default": REDIS, "tried": cache}
    settings.CACHE_WARMING = {"PERMISSIONS_ALIAS": "tried", **options}
    return [message.id for message in check_cache_warming() if message.id[-3:-1] == "02"]


@pytest.mark.parametrize(
    ("cache", "expected"),
    [
        (REDIS, []),
        ({"BACKEND": f"{CORE}db.DatabaseCache", "LOCATION": "t"}, []),
        ({"BACKEND": f"{CORE}memcached.PyMemcacheCache", "LOCATION": "localhost:1"}, []),
        ({"BACKEND": f"{CORE}locmem.LocMemCache"}, ["cache_warming.E021"]),
        ({"BACKEND": f"{CORE}filebased.FileBasedCache", "LOCATION": "/nowhere"}, ["cache_warming.E021"]),
        ({"BACKEND": f"{CORE}dummy.DummyCache"}, ["cache_warming.W020"]),
        ({**REDIS, "LOCATION": ["redis://a/0", "redis://b/0"]}, ["cache_warming.W021"]),
        ({"BACKEND": f"{CORE}memcached.PyMemcacheCache", "LOCATION": "a:1;b:1"}, ["cache_warming.W021"]),
    ],
)
def test_each_cache(settings, cache, expected):
    assert found(settings, cache) == expected


def test_an_alias_that_nobody_defined(settings):
    assert found(settings, REDIS, PERMISSIONS_ALIAS="tired") == ["cache_warming.E020"]


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_that_keeps_nothing(settings, timeout):
    assert found(settings, REDIS, PERMISSIONS_TIMEOUT_S=timeout) == ["cache_warming.E022"]


def test_nothing_is_said_where_django_s_own_backend_is_used(settings):
    found(settings, {"BACKEND": f"{CORE}locmem.LocMemCache"})
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "nowhere.Backend"]
    assert [message for message in check_cache_warming() if message.id[-3:-1] == "02"] == []
