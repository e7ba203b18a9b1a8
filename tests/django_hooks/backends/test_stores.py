"""What each store writes is what the site's own cache would have written, and is found, timed and deleted in bulk."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.cache import InvalidCacheKey, cache, caches
from django.db import connections, transaction
from django.utils import timezone

from django_hooks.backends import GONE, Finding, Item, Store
from django_hooks.backends.base import wrong_time
from django_hooks.backends.database import DatabaseStore
from django_hooks.backends.files import FileStore
from django_hooks.backends.memcached import PyMemcacheStore
from django_hooks.backends.mysql import MySQLStore
from django_hooks.backends.redis import DjangoRedisStore, RedisStore
from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import CacheEntry, Warmer
from tests import servers
from url_manifests.outcomes import Result

from .conftest import ANYWHERE, OTHER, OTHERS, items

everywhere = pytest.mark.parametrize("anywhere", ANYWHERE, indirect=True)
redises = pytest.mark.parametrize("anywhere", ["redis", "django-redis", "valkey"], indirect=True)

DATABASES = {"db": "default", **dict.fromkeys(OTHERS, OTHER)}
"""The database caches, and in which database each is."""
VALUES = {
    "text": "Grüße",
    "number": 42,
    "negative": -1,
    "truth": True,
    "bytes-like": "0123" * 100,
    "nested": {"a": [1, 2.5, None, "x"]},
    "nothing": None,
    "empty": "",
    "long": "y" * 5000,
}


def raw(name):
    """What lies in the store, by key, as the server or the file system has it; with its end where that is beside it."""
    if name in DATABASES:
        with connections[DATABASES[name]].cursor() as cursor:
            cursor.execute("SELECT cache_key, value, expires FROM warming_test_cache")
            return {key: rest for key, *rest in cursor.fetchall()}
    if name == "file":
        # Each file begins with the pickled end of its life, a number of 8 bytes.
        return {path: Path(path).read_bytes()[21:] for path in cache._list_cache_files()}
    if name == "memcached":
        client = next(iter(cache._cache.clients.values()))
        serde, client.serde = client.serde, type(caches["default"]._cache.default_kwargs["serde"])()
        client.serde.deserialize = lambda key, value, flags: (value, flags)
        try:
            return client.get_many([cache.make_key(key) for key in VALUES])
        finally:
            client.serde = serde
    client = cache._cache.get_client() if name == "redis" else cache.client.get_client()
    return {key: client.get(key) for key in client.keys("*")}


@everywhere
def test_the_kind_is_known(anywhere, store):
    kinds = {"memcached": PyMemcacheStore, "redis": RedisStore, "django-redis": DjangoRedisStore, "file": FileStore}
    assert type(store()) is {**kinds, "mariadb": MySQLStore, "valkey": DjangoRedisStore}.get(anywhere, DatabaseStore)


@everywhere
def test_what_is_written_is_byte_for_byte_what_the_cache_writes_itself(anywhere, store):
    cache.set_many(VALUES, 3600)
    theirs = raw(anywhere)
    cache.clear()
    opened = store()
    written = items(opened, VALUES, timeout=3600)
    assert opened.write(written, overwrite=False) == {}
    ours = raw(anywhere)
    assert ours.keys() == theirs.keys()
    for key, there in theirs.items():
        if anywhere in DATABASES:
            assert ours[key][0] == there[0]
        else:
            assert ours[key] == there
    assert cache.get_many(VALUES) == VALUES
    assert opened.verify(written, 0) == {}


@pytest.mark.parametrize("anywhere", DATABASES, indirect=True)
def test_what_never_ends_has_the_end_of_time_as_the_cache_writes_it(anywhere, store):
    cache.set("k", 1, None)
    theirs = raw(anywhere)
    cache.clear()
    opened = store()
    opened.write(items(opened, {"k": 1}, timeout=None), overwrite=False)
    assert raw(anywhere) == theirs


@everywhere
def test_each_key_has_a_timeout_of_its_own(anywhere, store):
    opened = store()
    forever, short, long = (
        items(opened, {key: 1}, timeout=timeout)[0]
        for key, timeout in (("forever", None), ("short", 30), ("long", 40 * 24 * 3600))
    )
    assert opened.write([forever, short, long], overwrite=False) == {}
    gone = items(opened, {"gone": 1})[0]
    left = opened.time_left_s([forever, short, long, gone])
    assert left[0] is None
    assert 26 < left[1] <= 31
    assert abs(left[2] - 40 * 24 * 3600) < 4
    assert left[3] is GONE
    assert opened.verify([forever, short, long], 0) == {}
    assert opened.present([gone, forever, short]) == {1, 2}


@redises
def test_a_life_of_thirty_thousand_years_is_read_back(anywhere, store):
    opened = store()
    made = items(opened, {"k": 1}, timeout=10**12)
    assert opened.write(made, overwrite=False) == {}
    assert abs(opened.time_left_s(made)[0] - 10**12) < 4
    assert opened.verify(made, 0) == {}


@pytest.mark.parametrize("anywhere", DATABASES, indirect=True)
def test_a_key_with_nul_is_refused_in_words_of_its_own(anywhere, store):
    with pytest.raises(InvalidCacheKey, match="no key with NUL in it"):
        store().make("a\0b", None)


@pytest.mark.parametrize("anywhere", DATABASES, indirect=True)
@pytest.mark.parametrize("zone", ["Asia/Tehran", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("aware", [True, False])
def test_a_time_left_is_the_same_in_every_time_zone(anywhere, store, settings, zone, aware):
    settings.TIME_ZONE, settings.USE_TZ = zone, aware
    cache.set("theirs", 1, 500)
    opened = store()
    forever, ours = items(opened, {"forever": 1}, timeout=None), items(opened, {"ours": 1}, timeout=500)
    opened.write([*forever, *ours], overwrite=False)
    left = opened.time_left_s([*forever, *ours, *items(opened, {"theirs": 1})])
    assert left[0] is None
    assert all(495 < left_s <= 501 for left_s in left[1:])


@pytest.mark.parametrize("anywhere", ["postgres"], indirect=True)
def test_a_site_without_time_zones_counts_the_hours_that_its_clocks_show(anywhere, store, settings, monkeypatch):
    settings.TIME_ZONE, settings.USE_TZ = "Europe/Berlin", False
    before = datetime(2025, 10, 26, 0, 20, tzinfo=UTC).timestamp()  # 02:20; at 03:00 it is two o'clock again
    monkeypatch.setattr(time, "time", lambda: before)
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(before))  # noqa: DTZ006 - as Django's own
    opened = store()
    made = items(opened, {"k": 1}, timeout=600)
    opened.write(made, overwrite=False)
    assert opened.time_left_s(made) == [600]
    assert opened.verify(made, 0) == {}


@pytest.mark.parametrize("anywhere", ["postgres"], indirect=True)
def test_an_engine_that_is_not_djangos_own_is_asked_by_its_own_thread_alone(anywhere, store, monkeypatch):
    opened = store()
    assert opened.may_be_asked_apart
    connection = connections[DATABASES[anywhere]]
    monkeypatch.setitem(connection.settings_dict, "ENGINE", "tenants.postgresql")
    assert not opened.may_be_asked_apart


@pytest.mark.parametrize("anywhere", DATABASES, indirect=True)
def test_no_other_thread_asks_in_a_transaction_or_on_sqlite(anywhere, store):
    opened = store()
    assert opened.may_be_asked_apart == (anywhere != "db")
    with transaction.atomic(using=DATABASES[anywhere]):
        assert not opened.may_be_asked_apart


@pytest.mark.parametrize("anywhere", DATABASES, indirect=True)
@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
def test_keys_may_hold_what_separates_them(anywhere, store):
    names = ["a,b", "a\x01b", "a\x02b", "tab\tb", "line\nb", "{}", "a\x1fb", "%s", "'", "\\x01"]
    cache.set(names[1], "visitor's", 500)
    opened = store()
    made = items(opened, {name: name for name in names})
    assert opened.write(made, overwrite=False) == {1: (Finding.TAKEN, "")}
    assert cache.get_many(names) == {name: name for name in names} | {names[1]: "visitor's"}
    assert opened.write(made, overwrite=True) == opened.verify(made, 0) == {}


@everywhere
def test_a_live_entry_stands_unless_it_is_to_be_overwritten(anywhere, store):
    cache.set("k", "visitor's", 500)
    opened = store()
    made = items(opened, {"k": "ours", "other": "ours"})
    assert opened.write(made, overwrite=False) == {0: (Finding.TAKEN, "")}
    assert cache.get_many(["k", "other"]) == {"k": "visitor's", "other": "ours"}
    assert opened.time_left_s(made)[0] > 400
    assert opened.write(made, overwrite=True) == {}
    assert cache.get("k") == "ours"
    assert opened.time_left_s(made)[0] <= 60


@pytest.mark.parametrize("anywhere", [*DATABASES, "file"], indirect=True)
def test_an_expired_entry_is_no_live_one(anywhere, store):
    cache.set("k", "old", -1) if anywhere == "file" else cache.set("k", "old", 1)
    if anywhere in DATABASES:
        with connections[DATABASES[anywhere]].cursor() as cursor:
            cursor.execute("UPDATE warming_test_cache SET expires = '2020-01-01 00:00:00'")
    opened = store()
    made = items(opened, {"k": "new"})
    assert (opened.present(made), opened.time_left_s(made)) == (set(), [GONE])
    assert opened.write(made, overwrite=False) == {}
    assert cache.get("k") == "new"


@everywhere
def test_a_read_back_finds_what_is_missing_different_or_wrongly_timed(anywhere, store):
    opened = store()
    made = items(opened, {key: key for key in ("well", "missing", "different", "short", "endless")}, timeout=600)
    opened.write(made, overwrite=True)
    cache.delete("missing")
    cache.set("different", "another", 600)
    cache.set("short", "short", 100)
    cache.set("endless", "endless", None)
    problems = opened.verify(made, 0)
    assert {made[index].key: finding for index, (finding, _) in problems.items()} == {
        "missing": Finding.MISSING,
        "different": Finding.DIFFERENT,
        "short": Finding.TIMEOUT,
        "endless": Finding.TIMEOUT,
    }
    assert problems[4][1] == "given 600 s, has no end left"


@everywhere
def test_versions_are_kept_apart_and_what_is_deleted_is_gone(anywhere, store):
    opened = store()
    one, two = items(opened, {"k": 1})[0], items(opened, {"k": 2}, version=2)[0]
    opened.write([one, two], overwrite=False)
    assert (cache.get("k"), cache.get("k", version=2)) == (1, 2)
    opened.delete([two])
    assert (cache.get("k"), cache.get("k", version=2)) == (1, None)
    opened.delete([two])  # twice does no harm


@everywhere
def test_more_keys_than_one_statement_takes(anywhere, store):
    opened = store()
    made = items(opened, {f"k{number}": number for number in range(2500)})
    assert opened.write(made, overwrite=False) == {}
    assert opened.verify(made, 20) == {}
    assert len(opened.present(made)) == 2500
    assert opened.write(made, overwrite=False).keys() == set(range(2500))
    assert opened.write([], overwrite=False) == {}
    assert (opened.present([]), opened.verify([], 0)) == (set(), {})


@redises
def test_without_scripts_a_pipeline_does_the_same(anywhere, store):
    opened = store()
    opened._may_script = False
    cache.set("there", "visitor's", 500)
    made = items(opened, {"there": 1, "new": 2, "endless": 3})
    made[2].timeout_s = None
    assert opened.present(made) == {0}
    assert opened.write(made, overwrite=False) == {0: (Finding.TAKEN, "")}
    assert [left if left is None else round(left) for left in opened.time_left_s(made)] == [500, 60, None]
    assert opened.write(made, overwrite=True) == {}
    assert opened.verify(made, 0) == {}


@pytest.mark.parametrize("anywhere", ["redis"], indirect=True)
def test_an_account_that_may_run_no_scripts_is_served_by_a_pipeline(anywhere, store, settings):
    client = cache._cache.get_client(write=True)
    client.acl_setuser("plain", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all", "-@scripting"])
    address = settings.CACHES["default"]["LOCATION"].replace("redis://", "redis://plain:secret@")
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": address}}
    opened = store()
    made = items(opened, {"k": 1})
    assert opened.write(made, overwrite=False) == {}
    assert opened.verify(made, 0) == {}
    client.acl_deluser("plain")


@redises
def test_errors_that_the_client_hides_are_not_hidden(anywhere, store, settings):
    dead = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": {**dead, "OPTIONS": {} if anywhere == "redis" else {"IGNORE_EXCEPTIONS": True}}}
    opened = store()
    with pytest.raises(Exception, match="refused"):
        opened.write(items(opened, {"k": 1}), overwrite=False)


@pytest.mark.parametrize("anywhere", ["memcached"], indirect=True)
def test_memcached_errors_that_the_client_hides_are_not_hidden(anywhere, store, settings):
    options = {"ignore_exc": True, "default_noreply": True}
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "127.0.0.1:1", "OPTIONS": options}}
    opened = store()
    with pytest.raises(ConnectionRefusedError):
        opened.write(items(opened, {"k": 1}), overwrite=False)


@pytest.mark.parametrize("anywhere", ["memcached"], indirect=True)
@pytest.mark.parametrize("servers_count", [1, 2])
def test_pylibmc_does_the_same_by_value(anywhere, store, settings, servers_count, tmp_path):
    pytest.importorskip("pylibmc", reason="has no wheels for this Python, and needs the system's libmemcached")
    path = "django.core.cache.backends.memcached.PyLibMCCache"
    with servers.memcached(tmp_path) as second:
        location = [settings.CACHES["default"]["LOCATION"], f"{second.host}:{second.port}"][:servers_count]
        settings.CACHES = {"default": {"BACKEND": path, "LOCATION": location}}
        cache.set("there", "visitor's", 500)
        opened = store()
        made = items(opened, {"there": 1, "new": {"a": "Grüße"}, "endless": 3})
        made[2].timeout_s = None
        assert opened.present(made) == {0}
        assert opened.write(made, overwrite=False) == {0: (Finding.TAKEN, "")}
        assert opened.verify(made, 0) == {0: (Finding.DIFFERENT, "")}
        assert opened.write(made, overwrite=True) == {}
        assert opened.verify(made, 0) == {}
        assert cache.get_many(["there", "new", "endless"]) == {"there": 1, "new": {"a": "Grüße"}, "endless": 3}
        assert opened.room().take(1000)


@pytest.mark.parametrize("anywhere", ["memcached"], indirect=True)
def test_memcached_over_several_servers_agrees_with_the_sites_client(anywhere, store, settings, tmp_path):
    with servers.memcached(tmp_path) as second:
        first = settings.CACHES["default"]["LOCATION"]
        both = {**settings.CACHES["default"], "LOCATION": [first, f"{second.host}:{second.port}"]}
        settings.CACHES = {"default": {**both, "OPTIONS": {"key_prefix": b"site:"}}}
        opened = store()
        values = {f"k{number}": number for number in range(50)}
        made = items(opened, values)
        assert opened.write(made, overwrite=False) == {}
        assert opened.verify(made, 0) == {}
        assert cache.get_many(values) == values
        assert len(list(opened._by_server(made))) == 2
        assert opened.room().take(1000)


@pytest.mark.parametrize(
    ("anywhere", "key"),
    [("memcached", "x" * 300), ("memcached", "ü" * 200), ("memcached", "a b"), ("db", "x" * 300), ("db", "a\0b")],
    indirect=["anywhere"],
)
def test_keys_that_the_backend_refuses_are_refused_before(anywhere, key, store):
    with pytest.raises(InvalidCacheKey):
        store().make(key, None)


@pytest.mark.parametrize("anywhere", ["redis", "django-redis", "file"], indirect=True)
@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
def test_keys_that_only_memcached_would_refuse_are_taken(anywhere, store):
    opened = store()
    made = items(opened, {"a b" + "x" * 300: 1})
    assert opened.write(made, overwrite=False) == {}
    assert cache.get("a b" + "x" * 300) == 1


@everywhere
def test_a_subclass_that_stores_in_its_own_way_is_used_through_its_own_methods(anywhere, store, monkeypatch):
    instance = caches["default"]
    different = type("Different", (type(instance),), {"set": lambda self, *args, **kwargs: None})
    monkeypatch.setattr(instance, "__class__", different)
    assert type(store()) is Store


@everywhere
def test_any_backend_works_through_djangos_interface_alone(anywhere):
    opened = Store("default", caches["default"])
    cache.set("there", "visitor's", 500)
    made = items(opened, {"there": 1, "new": {"a": 1}})
    assert opened.present(made) == {0}
    assert opened.write(made, overwrite=False) == {0: (Finding.TAKEN, "")}
    assert opened.verify(made, 0) == {0: (Finding.DIFFERENT, "")}
    assert opened.write(made, overwrite=True) == {}
    assert opened.verify(made, 0) == {}
    cache.delete("new")
    assert opened.verify(made, 0) == {1: (Finding.MISSING, "")}


@pytest.mark.parametrize(
    ("timeout_s", "left_s", "elapsed_s", "slack_s", "is_wrong"),
    [
        (600, 599, 0, 1.5, False),
        (600, 590, 0, 1.5, True),
        (600, 590, 9, 1.5, False),
        (600, 594, 0, 10, False),  # Memcached's clock stood still while it was written
        (60, 60_000, 0, 10, True),
        (600, None, 0, 10, True),
        (None, 600, 0, 10, True),
        (None, None, 0, 1.5, False),
        (1, GONE, 2, 1.5, False),
        (600, GONE, 2, 1.5, True),
    ],
)
def test_a_time_left_is_held_against_the_timeout(timeout_s, left_s, elapsed_s, slack_s, is_wrong):
    assert (wrong_time(timeout_s, left_s, elapsed_s, slack_s) is not None) is is_wrong


@pytest.mark.parametrize("anywhere", ["db", "redis", "django-redis", "memcached", "file"], indirect=True)
def test_a_second_run_changes_no_time_left_but_by_what_has_elapsed(anywhere, store):
    entries = [CacheEntry(key=f"k{timeout}", value=1, timeout=timeout) for timeout in (50, 5000, None)]
    warmer = type("Timed", (Warmer,), {"name": "timed", "entries": lambda self: iter(entries)})()
    opened = store()
    keys = [Item.of(opened, entry.key, None) for entry in entries]
    assert {outcome.result for outcome in Engine(RunOptions()).run([warmer])} == {Result.STORED}
    before, at_s = opened.time_left_s(keys), time.monotonic()
    time.sleep(1.2)
    for refresh, result in ((False, Result.ALREADY_WARM), (True, Result.STORED)):
        assert {outcome.result for outcome in Engine(RunOptions(refresh=refresh)).run([warmer])} == {result}
        after, elapsed_s = opened.time_left_s(keys), time.monotonic() - at_s
        assert after[2] is before[2] is None
        # Some stores count whole seconds, and a refresh may lose what is beyond them.
        assert all(-1.1 < old - elapsed_s - new < 3.1 for old, new in zip(before[:2], after[:2], strict=True))
