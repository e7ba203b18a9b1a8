"""Asked for a thousand keys at once, a store says the same as when it is asked for each."""

from __future__ import annotations

import sqlite3
import time

import pytest
from django.core.cache import InvalidCacheKey, cache, caches
from django.db import connection

from django_hooks.backends import Finding, Item, Store
from tests import servers

from .conftest import ANYWHERE, items

everywhere = pytest.mark.parametrize("anywhere", ANYWHERE, indirect=True)
databases = pytest.mark.parametrize("anywhere", ["db", "postgres"], indirect=True)

NAMES = [*(f"k{number}" for number in range(1200)), "a,b", "{}", 'quo"ted', "back\\slash", "per%cent"]
BEYOND_ASCII = ["straße", "ключ", "😀"]
"""Memcached takes so many bytes, and not letters, so they are left to a closer look there."""


def names_for(anywhere):
    if anywhere == "mariadb":
        return [*NAMES, BEYOND_ASCII[0]]  # Which letters a table takes is up to its character set.
    return NAMES if anywhere == "memcached" else [*NAMES, *BEYOND_ASCII]


def missing(opened, names, version=None):
    return [names[index] for index in opened.missing(names, version, opened.make_many(names, version))]


@everywhere
def test_keys_are_made_as_one_by_one(anywhere, store):
    opened, names = store(), names_for(anywhere)
    for version in (None, 1, 7):
        made = opened.make_many(names, version)
        assert made == [opened.make(name, version) for name in names] == [cache.make_key(n, version) for n in names]


@everywhere
def test_a_key_function_of_the_sites_own_is_called_for_each(anywhere, store, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_FUNCTION": f"{__name__}.reversed_key"}}
    assert store().make_many(["ab", "cd"], 3) == ["3:ba", "3:dc"]
    assert store().make("ab", 3) == "3:ba"


def reversed_key(key, key_prefix, version):
    return f"{version}:{key[::-1]}"


@everywhere
@pytest.mark.parametrize("bad", ["", None, 5, "x" * 300, "a b", "a\0b", "\ud800"])
def test_what_one_of_them_is_refused_for_is_left_to_a_closer_look(anywhere, store, bad):
    opened = store()
    names = ["good", bad]
    made = opened.make_many(names, None)
    if made is not None:
        assert made == [opened.make(name, None) for name in names]
        return
    if bad and isinstance(bad, str):
        with pytest.raises((InvalidCacheKey, UnicodeEncodeError)):
            opened.make(bad, None)


@everywhere
def test_all_some_and_none_of_the_keys_are_there(anywhere, store):
    opened, names = store(), names_for(anywhere)
    assert missing(opened, names) == names
    opened.write(items(opened, dict.fromkeys(names, 1)), overwrite=False)
    assert missing(opened, names) == []
    gone = ["k0", "k700", "back\\slash", names[-1]]
    cache.delete_many(gone)
    assert missing(opened, names) == gone
    assert missing(opened, names, version=2) == names


@everywhere
def test_what_has_expired_is_missing(anywhere, store):
    opened = store()
    made = items(opened, {"ends": 1, "stays": 2})
    made[0].timeout_s = -100 if anywhere in ("db", "postgres", "mariadb", "file") else 1
    opened.write(made, overwrite=True)
    if made[0].timeout_s > 0:
        time.sleep(2.1 if anywhere == "memcached" else 1.1)
    assert missing(opened, ["ends", "stays"]) == ["ends"]
    assert opened.values([Item.of(opened, name, None) for name in ("ends", "stays")]) == {1: 2}


@everywhere
def test_values_are_those_that_readers_get(anywhere, store):
    opened = store()
    values = {"text": "Grüße", "number": 42, "list": [1, "x"], "long": "y" * 200_000, "none": None}
    cache.set_many(values, 60)
    asked = [Item.of(opened, name, None) for name in [*values, "missing"]]
    assert opened.values(asked) == dict(enumerate(values.values()))
    assert Store("default", caches["default"]).values(asked) == opened.values(asked)


@pytest.mark.parametrize("anywhere", ["db", "redis", "django-redis"], indirect=True)
def test_a_value_that_cannot_be_read_is_left_out(anywhere, store):
    opened = store()
    made = items(opened, {"good": 1, "bad": {"a": 1}})
    made[1].data = b"AAAA"
    opened.write(made, overwrite=True)
    assert opened.values(made) == {0: 1}


@pytest.mark.parametrize("anywhere", ["memcached"], indirect=True)
def test_several_memcached_servers_are_each_asked_for_their_share(anywhere, store, settings, tmp_path):
    with servers.memcached(tmp_path) as second:
        both = [settings.CACHES["default"]["LOCATION"], f"{second.host}:{second.port}"]
        settings.CACHES = {
            "default": {**settings.CACHES["default"], "LOCATION": both, "OPTIONS": {"key_prefix": b"p:"}}
        }
        opened = store()
        values = {f"k{number}": number for number in range(60)}
        opened.write(items(opened, values), overwrite=False)
        cache.delete_many(["k7", "k31"])
        assert missing(opened, list(values)) == ["k7", "k31"]
        found = opened.values([Item.of(opened, name, None) for name in values])
        assert found == {index: index for index in range(60) if index not in (7, 31)}


@databases
def test_of_many_rows_those_are_told_apart_that_live_already(anywhere, store):
    opened = store()
    there = {f"k{number}": "visitor's" for number in range(0, 3000, 7)}
    opened.write(items(opened, there), overwrite=True)
    expired = items(opened, {"k3": "old", "k5": "old"})
    for item in expired:
        item.timeout_s = -100
    opened.write(expired, overwrite=True)
    names = [f"k{number}" for number in range(3000)]
    made = items(opened, dict.fromkeys(names, "ours"))
    for number, item in enumerate(made):
        item.timeout_s = [60, 600, None][number % 3]
    assert opened.write(made, overwrite=False) == dict.fromkeys(range(0, 3000, 7), (Finding.TAKEN, ""))
    found = cache.get_many(names)
    assert found == {name: "visitor's" if name in there else "ours" for name in names}
    assert opened.verify([item for item in made if item.key not in there], 20) == {}
    assert opened.write(made, overwrite=True) == {}
    assert opened.verify(made, 20) == {}


@pytest.mark.parametrize("anywhere", ["db"], indirect=True)
def test_more_rows_than_the_database_takes_parameters(anywhere, store):
    connection.ensure_connection()
    before = connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 100)
    try:
        opened = store()
        made = items(opened, {f"k{number}": number for number in range(500)})
        cache.set("k77", "visitor's", 60)
        assert opened.write(made, overwrite=False) == {77: (Finding.TAKEN, "")}
        assert opened.write(made, overwrite=True) == {}
    finally:
        connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, before)
    assert opened.verify(made, 20) == {}


@pytest.mark.parametrize("anywhere", ["redis", "django-redis"], indirect=True)
def test_an_error_of_the_server_leaves_the_connection_usable(anywhere, store):
    opened = store()
    client = opened._client()
    client.lpush(opened.make("a list", None), "x")
    assert opened.stored([opened.make("a list", None)]) == [None]  # MGET: what is no text is not there.
    caches["default"].set("k", 1)
    assert missing(opened, ["k", "l"]) == ["l"]
