"""Stores on real servers, the database cache on PostgreSQL and MariaDB among them."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

import pymysql
import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections

from django_hooks.backends import open_store
from django_hooks.engine import Engine, RunOptions
from django_hooks.engine.plan import Planned
from django_hooks.warmers import CacheEntry, Warmer

TABLE = "warming_test_cache"
ANYWHERE = ("db", "postgres", "mariadb", "redis", "django-redis", "valkey", "django-redis+packed", "memcached", "file")
VARIANTS = {
    "": {},
    "packed": {
        "COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor",
        "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
    },
}


OTHER = "other"
"""The database that a database cache on another server is in."""
OTHERS = {
    "postgres": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres"},
    "mariadb": {"ENGINE": "django.db.backends.mysql", "NAME": "test", "USER": "root"},
}


class CacheTableElsewhere:
    """Sends the database cache's table, and nothing else, to another database."""

    def db_for_read(self, model, **hints):
        return OTHER if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return (db == OTHER) is (app_label == "django_cache")


@contextmanager
def elsewhere(name, server, settings, django_db_blocker):
    """The default cache as a table of a database server, with no transaction of a test's around it."""
    if name == "mariadb":
        pymysql.install_as_MySQLdb()  # The driver that can be installed anywhere, in place of the one that is built.
    options = {**OTHERS[name], "HOST": server.host, "PORT": str(server.port)}
    both = {OTHER: options, "default": connections.databases["default"]}
    connections.databases[OTHER] = connections.configure_settings(both)[OTHER]
    settings.DATABASE_ROUTERS = [f"{__name__}.CacheTableElsewhere"]
    options = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": TABLE}
    settings.CACHES = {"default": {**options, "OPTIONS": {"MAX_ENTRIES": 10_000}}}
    with django_db_blocker.unblock():
        call_command("createcachetable", database=OTHER, verbosity=0)
        caches["default"].clear()
        yield
        with connections[OTHER].cursor() as cursor:
            cursor.execute(f"DROP TABLE {TABLE}")
        connections[OTHER].close()
        del connections[OTHER]
        del connections.databases[OTHER]


@pytest.fixture
def postgres_cache(postgres_server, settings, django_db_blocker):
    with elsewhere("postgres", postgres_server, settings, django_db_blocker):
        yield


@pytest.fixture
def mariadb_cache(mariadb_server, settings, django_db_blocker):
    with elsewhere("mariadb", mariadb_server, settings, django_db_blocker):
        yield


@pytest.fixture
def anywhere(request, configure, settings):
    """The default cache on the backend that the test is parametrised with, empty."""
    name, _, variant = request.param.partition("+")
    if name in OTHERS:
        request.getfixturevalue(f"{name}_cache")
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


class Made(Warmer):
    """What a test gives it; `during` is called before the entry of that number."""

    name = "made"
    timeout = 600

    def __init__(self, values, during=None):
        self._values = values
        self._during = during or {}

    def entries(self):
        for number, (key, value) in enumerate(self._values.items()):
            if number in self._during:
                self._during[number]()
            yield CacheEntry(key=key, value=value)


def run(values, during=None, **options):
    """Counts by result and reason, and the details that came with reasons."""
    counts, details = Counter(), {}
    for batch in Engine(RunOptions(**options)).batches([Made(values, during)]):
        for outcome in batch.outcomes():
            counts[outcome.result, outcome.reason] += 1
            details.setdefault(outcome.reason, outcome.detail)
    return counts, details


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
