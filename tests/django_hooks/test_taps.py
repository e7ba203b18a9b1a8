"""Each call on each backend, for real: what it is noted as, and that it does what it did before."""

from __future__ import annotations

import asyncio
import copy
import pickle
from threading import Thread

import pytest
from django.core.cache import BaseCache, cache, caches
from django.utils.cache import get_cache_key, learn_cache_key

from django_hooks import taps
from django_hooks.operations import OPERATIONS
from django_hooks.recorder import PAGE_BODY_PREFIX, Recorder
from url_manifests.traces import HEADER_LIST_PREFIX, KeyEvent

from . import urls
from .conftest import BACKENDS, KEEPING
from .tickets import HOST, warm

HIT, MISS, STORED, LOST, WRITTEN = KeyEvent.HIT, KeyEvent.MISS, KeyEvent.STORED, KeyEvent.LOST, KeyEvent.WRITTEN


def events(*calls):
    """What the calls, made by one ticketed request, are traced as."""
    urls.todo[:] = calls
    answer = warm("/calls/")
    assert answer.response.status_code == 200
    return {key.key if key.version is None else (key.key, key.version): key.event for key in answer.trace.keys}


CASES = [
    ("get of a stored value", [lambda c: c.get("there")], {"there": HIT}),
    ("get of a stored None", [lambda c: c.get("none", "default")], {"none": HIT}),
    ("get of nothing", [lambda c: c.get("k")], {"k": MISS}),
    ("get, then set", [lambda c: c.get("k"), lambda c: c.set("k", 1)], {"k": STORED}),
    ("set alone", [lambda c: c.set("k", 1, 60)], {"k": WRITTEN}),
    ("set with timeout 0", [lambda c: c.get("k"), lambda c: c.set("k", 1, timeout=0)], {"k": MISS}),
    ("get_many", [lambda c: c.get_many(key for key in ("there", "k"))], {"there": HIT, "k": MISS}),
    ("get_many, then set_many", [lambda c: c.get_many(["k"]), lambda c: c.set_many({"k": 1})], {"k": STORED}),
    ("set_many alone", [lambda c: c.set_many({"k": 1, "l": 2}, 60)], {"k": WRITTEN, "l": WRITTEN}),
    ("set_many with timeout 0", [lambda c: c.set_many({"k": 1}, 0)], {}),
    ("get_or_set", [lambda c: c.get_or_set("k", lambda: 1, 60)], {"k": STORED}),
    ("get_or_set of a stored value", [lambda c: c.get_or_set("there", 1)], {"there": HIT}),
    ("add", [lambda c: c.add("k", 1)], {"k": STORED}),
    ("add on a stored value", [lambda c: c.add("there", 1)], {"there": HIT}),
    ("add with timeout 0", [lambda c: c.add("k", 1, 0)], {"k": MISS}),
    ("a lock that is let go", [lambda c: c.add("lock", 1), lambda c: c.delete("lock")], {}),
    ("has_key", [lambda c: c.has_key("there"), lambda c: c.has_key("k")], {"there": HIT, "k": MISS}),
    ("in", [lambda c: "there" in c, lambda c: "k" in c], {"there": HIT, "k": MISS}),
    ("touch", [lambda c: c.touch("there", 90), lambda c: c.touch("k")], {"there": HIT, "k": MISS}),
    ("incr", [lambda c: c.incr("number")], {"number": WRITTEN}),
    ("decr by two", [lambda c: c.decr("number", delta=2)], {"number": WRITTEN}),
    ("delete alone", [lambda c: c.delete("there")], {}),
    ("get, then delete", [lambda c: c.get("there"), lambda c: c.delete("there")], {"there": MISS}),
    ("delete, then store again", [lambda c: c.delete("there"), lambda c: c.add("there", 2)], {"there": STORED}),
    ("delete_many", [lambda c: c.get("there"), lambda c: c.delete_many(iter(["there"]))], {"there": MISS}),
    ("clear", [lambda c: c.get("there"), lambda c: c.clear()], {"there": MISS}),
    ("another version", [lambda c: c.get("k", None, 2), lambda c: c.set("k", 1, 60, 2)], {("k", 2): STORED}),
    ("its own version", [lambda c: c.get("there", version=1)], {"there": HIT}),
    ("a version as text", [lambda c: c.get("k", version="x")], {("k", "x"): MISS}),
    ("all by name", [lambda c: c.get(key="there", default=None, version=None)], {"there": HIT}),
    ("a key that is a number", [lambda c: c.get(7)], {"7": MISS}),
]


@pytest.mark.parametrize(("calls", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("backend", KEEPING, indirect=True)
def test_calls_are_traced_as_what_they_mean(site, calls, expected):
    cache.set_many({"there": "value", "none": None, "number": 5}, 60)
    assert events(*calls) == expected


ANSWERS = [
    lambda c: c.get("k", "default"),
    lambda c: c.get("k", default="default"),
    lambda c: c.get("k"),
    lambda c: c.get("none", "default"),
    lambda c: c.get_many(["there", "k"]),
    lambda c: c.get_or_set("new", lambda: 3),
    lambda c: c.has_key("there"),
    lambda c: bool(c.touch("k")),
    lambda c: c.incr("number"),
    lambda c: c.decr("number"),
    lambda c: c.add("there", 2),
    lambda c: c.delete("k"),
]


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_the_application_gets_what_it_got_before(site, backend):
    def collect():
        cache.clear()
        cache.set_many({"there": "value", "none": None, "number": 5}, 60)
        return [_result(call) for call in ANSWERS]

    plain = collect()
    with taps.listening([("default", caches["default"])], Recorder()):
        assert collect() == plain


def _result(call):
    try:
        return call(cache)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("backend", ["django-redis"], indirect=True)
def test_django_redis_has_calls_of_its_own(site):
    cache.set("there", 1, 60)
    seen = []
    calls = [
        lambda c: seen.append(c.ttl("there")),
        lambda c: seen.append(c.client.get_client().ping()),
        lambda c: seen.append(c.set("there", 2, nx=True)),
        lambda c: seen.append(c.set("new", 2, nx=True)),
        lambda c: seen.append(c.set("never", 2, xx=True)),
        lambda c: c.lock("mutex", timeout=5).acquire(),
        lambda c: seen.append(c.get("there", client=c.client.get_client())),
    ]
    assert events(*calls) == {"there": HIT, "new": STORED, "never": MISS}
    assert seen == [60, True, False, True, False, 1]


def test_a_missing_counter_is_a_miss(site):
    def count(cache):
        with pytest.raises(ValueError, match="not found"):
            cache.incr("counter")

    assert events(count) == {"counter": MISS}


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_nothing_of_a_tap_stays(site, backend):
    instance = caches["default"]
    before = dict(vars(instance))
    with taps.listening([("default", instance)], Recorder()):
        assert vars(instance).keys() > before.keys()
    assert vars(instance).keys() == before.keys()
    assert taps._tapped == {}


def test_a_wrapper_that_was_there_before_is_put_back(site):
    instance = caches["default"]
    calls = []
    own = instance.get
    instance.get = wrapper = lambda *args, **kwargs: calls.append(args) or own(*args, **kwargs)
    try:
        assert events(lambda c: c.get("k")) == {"k": MISS}
        assert vars(instance)["get"] is wrapper
        assert calls.count(("k",)) == 1
    finally:
        del instance.get


def test_two_requests_on_one_instance_are_kept_apart(site):
    instance = caches["default"]
    first, second = Recorder(), Recorder()
    with taps.listening([("default", instance)], first):
        instance.get("one")
        with taps.listening([("default", instance)], second):
            instance.get("two")
        instance.get("three")
        thread = Thread(target=lambda: instance.make_key("a live request, in a context of its own"))
        thread.start()
        thread.join()
    assert [key.key for key, _ in first.events(())] == ["one", "three"]
    assert [key.key for key, _ in second.events(())] == ["two"]


@pytest.mark.parametrize("backend", ["file", "django-redis", "memcached", "locmem"], indirect=True)
def test_asynchronous_calls_are_noted_once(site, backend):
    """Not on the database: other threads cannot see the tables of a test's SQLite in memory."""

    async def work():
        await cache.aget("a")
        await cache.aset("a", 1)
        await cache.aget_many(["b"])
        await cache.aget_or_set("c", 3)
        await cache.aset_many({"d": 4})
        await cache.aset("n", 1)
        await cache.aincr("n")

    recorder = Recorder()
    with taps.listening([("default", caches["default"])], recorder):
        asyncio.run(work())
    found = {key.key: event for key, event in recorder.events(set(recorder.unproven()))}
    assert found == {"a": STORED, "b": MISS, "c": STORED, "d": WRITTEN, "n": WRITTEN}


class NativeCache(BaseCache):
    """A backend whose primitives are asynchronous themselves."""

    def __init__(self, *args):
        super().__init__({})
        self.data = {}

    async def aget(self, key, default=None, version=None):
        return self.data.get(key, default)

    async def aset(self, key, value, timeout=None, version=None):
        self.data[key] = value

    async def adelete(self, key, version=None):
        raise ConnectionError


def test_native_asynchronous_methods_are_noted():
    native, recorder = NativeCache(), Recorder()

    async def work():
        assert await native.aget("a", "default") == "default"
        await native.aset("a", 1)
        assert await native.aget("a") == 1
        assert await native.aget_many(["b"]) == {}
        with pytest.raises(ConnectionError):
            await native.adelete("a")

    with taps.listening([("native", native)], recorder):
        asyncio.run(work())
    asyncio.run(_only_data(native))
    found = {key.key: event for key, event in recorder.events(set(recorder.unproven()))}
    assert (found, recorder.errors) == ({"a": STORED, "b": MISS}, {"native": 1})


async def _only_data(native):
    assert vars(native).keys().isdisjoint(OPERATIONS)
    assert await native.aget("a") == 1


@pytest.mark.parametrize("backend", ["file", "dummy"], indirect=True)
def test_a_tapped_instance_can_be_pickled_and_copied(site, backend):
    instance, recorder = caches["default"], Recorder()
    with taps.listening([("default", instance)], recorder):
        for twin in (pickle.loads(pickle.dumps(instance)), copy.deepcopy(instance)):
            assert twin.get("k", "default") == "default"
    assert type(instance).get is type(pickle.loads(pickle.dumps(instance))).get


def test_connections_can_be_closed_in_a_request(site):
    assert events(lambda c: c.get("k"), lambda c: caches.close_all(), lambda c: c.get("l")) == {"k": MISS, "l": MISS}


def test_the_page_caches_keys_begin_as_we_think(site, rf):
    from django.http import HttpResponse

    request = rf.get("/x/", headers={"host": HOST})
    key = learn_cache_key(request, HttpResponse(), 60, "prefix")
    assert key.startswith(PAGE_BODY_PREFIX)
    recorder = Recorder()
    with taps.listening([("default", caches["default"])], recorder):
        assert get_cache_key(request, "prefix") == key
    assert [found.key.startswith(HEADER_LIST_PREFIX) for found, _ in recorder.events(())] == [True]


class BrokenReads:
    """Breaks the reads of a backend, as a server that dies between the page and the read-back."""

    def __call__(self, cache):
        cache.get("k")
        cache.set("k", 1)
        cache.key_func = self.fail

    @staticmethod
    def fail(*args):
        raise ConnectionError("gone")


def test_a_store_that_dies_before_the_read_back_costs_the_answer_nothing(site):
    urls.todo.append(BrokenReads())
    try:
        answer = warm("/calls/")
    finally:
        caches["default"].key_func = caches.create_connection("default").key_func
    assert answer.response.content == b"done"
    assert (answer.parts, answer.trace.extra) == ([LOST], {"error": {"ConnectionError": 2}, "ttl_s": 300})


def test_an_alias_that_cannot_be_opened_costs_the_answer_nothing(site):
    site.CACHES = {**site.CACHES, "broken": {"BACKEND": "nowhere.Cache"}}
    answer = warm("/page/")
    assert answer.trace.reason == ""
    assert answer.trace.extra["error"] == {"InvalidCacheBackendError": 1}
    assert answer.trace.extra["ttl_s"] == 60
