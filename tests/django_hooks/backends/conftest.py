"""Stores on real servers, the database cache on PostgreSQL among them."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections

from django_hooks.backends import open_store
from django_hooks.engine.plan import Planned
from django_hooks.warmers import CacheEntry, Warmer

TABLE = "warming_test_cache"
ANYWHERE = ("db", "postgres", "redis", "django-redis", "django-redis+packed", "memcached", "file")
VARIANTS = {
    "": {},
    "packed": {
        "COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor",
        "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
    },
}


class CacheTableOnPostgres:
    """Sends the database cache's table, and nothing else, to a PostgreSQL."""

    def db_for_read(self, model, **hints):
        return "pg" if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return (db == "pg") is (app_label == "django_cache")


@pytest.fixture
def postgres_cache(postgres_server, settings, django_db_blocker):
    """The default cache as a table of a PostgreSQL, with no transaction of a test's around it."""
    connections.databases["pg"] = connections.configure_settings(
        {
            "pg": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "USER": "postgres",
                "HOST": postgres_server.host,
                "PORT": str(postgres_server.port),
            },
            "default": connections.databases["default"],
        }
    )["pg"]
    settings.DATABASE_ROUTERS = [f"{__name__}.CacheTableOnPostgres"]
    options = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": TABLE}
    settings.CACHES = {"default": {**options, "OPTIONS": {"MAX_ENTRIES": 10_000}}}
    with django_db_blocker.unblock():
        call_command("createcachetable", database="pg", verbosity=0)
        caches["default"].clear()
        yield
        with connections["pg"].cursor() as cursor:
            cursor.execute(f"DROP TABLE {TABLE}")
        connections["pg"].close()
        del connections["pg"]
        del connections.databases["pg"]


@pytest.fixture
def anywhere(request, configure, settings):
    """The default cache on the backend that the test is parametrised with, empty."""
    name, _, variant = request.param.partition("+")
    if name == "postgres":
        request.getfixturevalue("postgres_cache")
    else:
        request.getfixturevalue("db")
        options = configure(name)
        settings.CACHES = {"default": {**options, "OPTIONS": {**options.get("OPTIONS", {}), **VARIANTS[variant]}}}
    if name == "db":
        call_command("createcachetable", verbosity=0)
    configured = settings.CACHES
    caches["default"].clear()
    yield name
    settings.CACHES = configured  # whatever the test has made of it
    caches["default"].clear()
    caches.close_all()


@pytest.fixture
def store():
    """The default cache's store, closed at the end."""
    opened = []

    def get():
        opened.append(open_store("default"))
        return opened[-1]

    yield get
    for each in opened:
        each.close()


class Plain(Warmer):
    """Gives planned entries their defaults."""

    name = "w"
    timeout = 60


def items(store, values, timeout=60, version=None):
    """Encoded items for a store."""
    made = []
    for key, value in values.items():
        entry = CacheEntry(key=key, value=value, version=version)
        item = Planned(Plain(), entry, store, store.make(key, version), timeout)
        store.encode(item)
        made.append(item)
    return made
