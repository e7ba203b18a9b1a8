from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.core.cache import caches
from django.core.management import call_command

from django_hooks import middleware
from django_hooks.warmers import CacheEntry, register, registry

from . import urls
from .tickets import HOST, SECRET

TABLE = "warming_test_cache"
BACKENDS = ("db", "django-redis", "redis", "memcached", "file", "locmem", "dummy")
KEEPING = BACKENDS[:-1]
SHARED = BACKENDS[:-2]
"""Those whose store other processes see."""


@pytest.fixture
def configure(request, tmp_path):
    """Return the ``CACHES`` entry of a backend by its short name, with its server started."""

    def make(name: str) -> dict:
        core = "django.core.cache.backends."
        if name == "db":
            return {"BACKEND": f"{core}db.DatabaseCache", "LOCATION": TABLE, "OPTIONS": {"MAX_ENTRIES": 100_000}}
        if name in ("django-redis", "redis", "valkey"):
            server = urlsplit(request.getfixturevalue("valkey_server" if name == "valkey" else "redis_server").url)
            path = f"{core}redis.RedisCache" if name == "redis" else "django_redis.cache.RedisCache"
            return {"BACKEND": path, "LOCATION": f"redis://{server.netloc}/1"}
        if name == "memcached":
            server = request.getfixturevalue("memcached_server")
            return {"BACKEND": f"{core}memcached.PyMemcacheCache", "LOCATION": f"{server.host}:{server.port}"}
        if name == "file":
            options = {"MAX_ENTRIES": 10_000}
            return {"BACKEND": f"{core}filebased.FileBasedCache", "LOCATION": str(tmp_path / "c"), "OPTIONS": options}
        paths = {"locmem": "locmem.LocMemCache", "dummy": "dummy.DummyCache"}
        return {"BACKEND": core + paths[name], "LOCATION": "warming-tests"}

    return make


@pytest.fixture
def backend(request, configure, settings, db):
    """The default cache on the backend that the test is parametrised with (database, if not), empty."""
    name = getattr(request, "param", "db")
    settings.CACHES = {"default": {**configure(name), "KEY_PREFIX": f"t{id(request)}"}}
    if name == "db":
        call_command("createcachetable", verbosity=0)
    caches["default"].clear()
    yield name
    caches["default"].clear()
    caches.close_all()


@pytest.fixture
def site(settings, backend):
    """The small pages of `urls`, with the middleware first and a secret."""
    settings.ROOT_URLCONF = "tests.django_hooks.urls"
    settings.ALLOWED_HOSTS = [HOST]
    settings.CACHE_WARMING = {"SECRET": SECRET}
    settings.SECURE_PROXY_SSL_HEADER = None
    settings.MIDDLEWARE = [
        middleware.PATH,
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    middleware.refused.clear()
    urls.todo.clear()
    return settings


@pytest.fixture
def own(monkeypatch, backend, settings, tmp_path):
    """A project with two warmers and no other."""
    monkeypatch.setattr(registry, "_warmers", {})
    monkeypatch.setattr(registry, "broken", {})
    monkeypatch.setattr(registry, "_is_discovered", True)
    settings.CACHE_WARMING = {"LOCK_FILE": str(tmp_path / "lock"), "ENV": "test"}

    @register("numbers", timeout=60, priority=1)
    def numbers():
        for number in range(3):
            yield CacheEntry(key=f"n{number}", compute=lambda number=number: number)

    @register("broken", timeout=None)
    def broken():
        yield CacheEntry(key="bad", compute=lambda: 1 / 0)

    return registry
