"""Entries that come as batches of keys: stores are asked for all keys at once, and no entry is made in vain."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import islice

import pytest
import redis
from django.core.cache import cache, caches
from django.db import OperationalError

from django_hooks.backends import Store, open_store
from django_hooks.engine import Engine, RunOptions, inventory
from django_hooks.engine.ahead import Ahead
from django_hooks.narrowing import Part, Purse, through
from django_hooks.strategies import Budget
from django_hooks.warmers import CacheEntry, KeyBatch, Warmer
from django_hooks.warmers.key_batches import chunked, has_key_batches
from tests import servers
from url_manifests.outcomes import Result

from .conftest import SHARED

pytestmark = pytest.mark.usefixtures("backend")
everywhere = pytest.mark.parametrize("backend", SHARED, indirect=True)

STORED, WARM = (Result.STORED, ""), (Result.ALREADY_WARM, "")


class Numbers(Warmer):
    """Numbers by number, in batches of ten."""

    name = "numbers"
    timeout = 600
    computes_in_bulk = True
    wanted = range(50)

    def __init__(self, **attributes):
        self.made = []
        self.computed = []
        for name, value in attributes.items():
            setattr(self, name, value)

    def entries(self):
        for number in self.wanted:
            self.made.append(number)
            yield CacheEntry(key=f"k{number}", source=number)

    def key_batches(self):
        for start in range(0, len(self.wanted), 10):
            part = self.wanted[start : start + 10]
            yield KeyBatch(keys=[f"k{number}" for number in part], make=lambda part=part: self.make(part))

    def make(self, part):
        return islice(Numbers(wanted=part, made=self.made).entries(), len(part))

    def compute_many(self, entries):
        self.computed += [entry.source for entry in entries]
        return {entry.key: entry.source for entry in entries}


def run(*warmers, **options):
    """Result and reason by key."""
    outcomes = Engine(RunOptions(**options)).run(warmers)
    return {outcome.url.partition(":")[2]: (outcome.result, outcome.reason) for outcome in outcomes}


@pytest.fixture
def asked(monkeypatch):
    """The keys that any store was asked for, in bulk."""
    keys = []
    for kind in {Store, type(open_store("default"))}:
        own = kind.missing
        monkeypatch.setattr(
            kind,
            "missing",
            lambda self, given, version, made, own=own: keys.append(list(given)) or own(self, given, version, made),
        )
    return keys


@everywhere
def test_a_second_run_makes_no_entry_and_asks_for_each_key(backend, asked):
    assert run(Numbers()) == {f"k{n}": STORED for n in range(50)}
    before = cache.get_many([f"k{n}" for n in range(50)])
    asked.clear()
    again = Numbers()
    assert run(again) == {f"k{n}": WARM for n in range(50)}
    assert (again.made, again.computed) == ([], [])
    assert {key for keys in asked for key in keys} == {f"k{n}" for n in range(50)}
    assert cache.get_many(before) == before


@everywhere
def test_what_is_missing_among_others_is_found_made_and_written(backend):
    run(Numbers())
    cache.delete_many(["k3", "k17", "k18"])
    cache.set("k4", "live", None)
    again = Numbers()
    assert run(again) == {f"k{n}": STORED if n in (3, 17, 18) else WARM for n in range(50)}
    assert again.computed == [3, 17, 18]
    assert set(again.made) == set(range(20))  # Of the batches in which all was there, not one.
    assert [cache.get(f"k{n}") for n in (3, 4, 17, 18)] == [3, "live", 17, 18]


@everywhere
def test_keys_with_a_version_and_signs_beyond_ascii_are_asked_for_as_they_are(backend):
    class Named(Numbers):
        wanted = ("straße", "a-b", "ключ")

        def key_batches(self):
            yield KeyBatch(keys=list(self.wanted), make=self.entries, version=7)

        def entries(self):
            return (CacheEntry(key=key, value=1, version=7) for key in self.wanted)

    cache.set("a-b", 1, version=8)
    assert set(run(Named()).values()) == {STORED}
    assert set(run(Named()).values()) == {WARM}
    cache.delete("straße", version=7)
    assert run(Named()) == {"straße": STORED, "a-b": WARM, "ключ": WARM}


def test_counts_and_outcomes_say_the_same():
    run(Numbers(wanted=range(30)))
    batches = list(Engine(RunOptions()).batches([Numbers()]))
    assert sum(batch.count for batch in batches) == 50
    counted = {}
    for batch in batches:
        for result, (count, weight) in batch.plain().items():
            counted[result] = counted.get(result, 0) + count
            assert count == weight
    assert counted == {Result.ALREADY_WARM: 30, Result.STORED: 20}
    assert sum(batch.written()[0] for batch in batches) == 20


def test_a_pattern_is_kept_to():
    run(Numbers())
    cache.delete("k22")
    assert run(Numbers(), key_pattern="k2?") == {f"k{n}": STORED if n == 22 else WARM for n in range(20, 30)}
    cache.delete("k22")
    assert run(Numbers(), key_pattern="k3?") == {f"k{n}": WARM for n in range(30, 40)}
    assert cache.get("k22") is None


def test_a_refresh_writes_all():
    run(Numbers())
    cache.set("k7", "old", 600)
    assert set(run(Numbers(), refresh=True).values()) == {STORED}
    assert cache.get("k7") == 7


@pytest.mark.parametrize("backend", ["db", "memcached", "django-redis"], indirect=True)
def test_keys_that_end_soon_are_written_anew(backend):
    run(Numbers())
    cache.set("k7", "old", 30)
    cache.set("k8", "old", None)
    again = Numbers()
    assert run(again, fresh_for_s=60) == {f"k{n}": STORED if n == 7 else WARM for n in range(50)}
    assert (cache.get("k7"), cache.get("k8"), again.computed) == (7, "old", [7])


def test_what_nobody_would_use_is_written_anew():
    class Outdated(Numbers):
        seen = ()

        def outdated(self, entries):
            self.seen = (*self.seen, *(entry.key for entry in entries))
            return ["k5"]

    run(Numbers(wanted=range(20)))
    cache.set("k5", "old", 600)
    cache.delete("k6")
    again = Outdated(wanted=range(20))
    assert run(again) == {f"k{n}": STORED if n in (5, 6) else WARM for n in range(20)}
    assert cache.get("k5") == 5
    assert again.seen == tuple(f"k{n}" for n in range(20) if n != 6)  # Only what is there can be outdated.

    class Unsure(Numbers):
        def outdated(self, entries):
            raise LookupError

    assert set(run(Unsure(wanted=range(20))).values()) == {STORED}


def test_a_warmer_that_can_say_so_of_all_keys_at_once_is_not_asked_of_each(asked):
    class Sure(Numbers):
        are_sound = True
        seen = 0

        def key_batches(self):
            return (replace(batch, are_sound=self.say) for batch in super().key_batches())

        def say(self, store):
            self.seen += 1
            return self.are_sound and store.cache.get("k0") is not None

        def outdated(self, entries):
            return ["k5"]

    run(Numbers(wanted=range(20)))
    asked.clear()
    again = Sure(wanted=range(20))
    assert set(run(again).values()) == {WARM}
    assert (again.seen, again.made, asked) == (2, [], [])
    # Where it cannot, or only some are asked for, or their time matters, the usual questions are.
    assert run(Sure(wanted=range(20), are_sound=False))["k5"] == STORED
    part = through(Sure(wanted=range(20)), Part(0, 1))
    assert run(part)["k5"] == STORED
    again = Sure(wanted=range(20))
    assert run(again, key_pattern="k5") == {"k5": STORED}
    run(again, fresh_for_s=10)
    assert again.seen == 0


@pytest.mark.parametrize("backend", ["redis", "memcached", "django-redis"], indirect=True)
def test_the_next_keys_are_asked_for_by_another_thread_while_the_last_are_dealt_with(backend, monkeypatch):
    threads = []
    kind = type(open_store("default"))
    own = kind.missing

    def missing(self, *arguments):
        threads.append((threading.current_thread(), self.cache))
        return own(self, *arguments)

    monkeypatch.setattr(kind, "missing", missing)
    for expected in (STORED, WARM):
        threads.clear()
        assert run(Numbers()) == {f"k{n}": expected for n in range(50)}
        here = [thread is threading.current_thread() for thread, _ in threads]
        assert sorted(here) == [False] * 4 + [True]
        assert {cache is caches["default"] for thread, cache in threads if thread.name == "warm-cache-ahead"} == {False}
        assert not any(thread.is_alive() for thread, _ in threads if thread is not threading.current_thread())


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_what_fails_there_is_asked_again_here_and_no_more_is_asked_there(backend, monkeypatch):
    run(Numbers())
    kind = type(open_store("default"))
    own, there = kind.missing, []

    def missing(self, *arguments):
        if threading.current_thread() is not threading.main_thread():
            there.append(1)
            raise redis.exceptions.ConnectionError("no second connection")
        return own(self, *arguments)

    monkeypatch.setattr(kind, "missing", missing)
    assert set(run(Numbers(), retries=0).values()) == {WARM}
    assert len(there) <= 2  # the second was under way when the first was waited for


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_what_fails_there_is_waited_for_here_as_long_as_was_asked_for(backend, monkeypatch):
    run(Numbers())
    kind = type(open_store("default"))
    own, down_until_s = kind.missing, time.monotonic() + 2.5

    def missing(self, *arguments):
        if threading.current_thread() is not threading.main_thread() or time.monotonic() < down_until_s:
            raise redis.exceptions.ConnectionError("restarting")
        return own(self, *arguments)

    monkeypatch.setattr(kind, "missing", missing)
    assert set(run(Numbers(), retries=0, cache_wait_s=20).values()) == {WARM}


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_with_keys_that_are_made_in_a_sites_own_way_no_other_thread_asks(backend, settings, monkeypatch):
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_FUNCTION": f"{__name__}.key_of_the_thread"}}
    monkeypatch.setattr(Ahead, "ask", None)
    assert set(run(Numbers()).values()) == {STORED}
    assert set(run(Numbers()).values()) == {WARM}


def key_of_the_thread(key, key_prefix, version):
    return f"{threading.current_thread().name}:{version}:{key}"


def test_a_server_that_hangs_there_does_not_hold_up_the_end():
    released, began_s = threading.Event(), time.monotonic()
    ahead = Ahead()
    with ahead:
        ahead.ask("default", lambda store: released.wait(60))
    assert time.monotonic() - began_s < 5
    began_s = time.monotonic()
    with ahead:
        assert ahead.ask("default", lambda store: store.alias)() == "default"
    assert time.monotonic() - began_s < 5
    released.set()


def test_one_key_with_two_timeouts_is_an_error_also_when_it_is_there():
    class Twice(Warmer):
        name = "twice"

        def key_batches(self):
            yield KeyBatch(keys=["same", "same", "other"], make=self.entries, timeout=30)

        def entries(self):
            yield CacheEntry(key="same", value=1, timeout=60)
            yield CacheEntry(key="same", value=1, timeout=30)
            yield CacheEntry(key="other", value=1, timeout=30)

    for result in (Result.STORED, Result.ALREADY_WARM):
        outcomes = [(o.result, o.reason) for o in Engine(RunOptions()).run([Twice()])]
        assert outcomes == [(result, ""), (Result.FAILED, "bad-entry"), (result, "")]


@pytest.mark.parametrize("timeout", [0, -1, "60"])
def test_what_is_not_kept_at_all_is_never_called_warm(timeout):
    cache.set_many({f"k{n}": n for n in range(50)}, 600)
    found = set(run(Numbers(timeout=timeout)).values())
    assert found == {(Result.NOT_STORED, "timeout-0") if timeout == 0 else (Result.FAILED, "bad-entry")}


def test_bad_keys_are_named_among_good_ones():
    class Bad(Numbers):
        wanted = ("good", "", "x" * 300, "fine")

        def key_batches(self):
            yield KeyBatch(keys=list(self.wanted), make=self.entries)

        def entries(self):
            return (CacheEntry(key=key, value=1) for key in self.wanted)

    refused = (Result.FAILED, "bad-entry")
    assert run(Bad()) == {"good": STORED, "?": refused, "x" * 300: refused, "fine": STORED}
    assert run(Bad()) == {"good": WARM, "?": refused, "x" * 300: refused, "fine": WARM}


@pytest.mark.parametrize("backend", ["locmem"], indirect=True)
def test_a_store_of_one_process_is_never_called_warm(backend):
    cache.set_many({f"k{n}": n for n in range(50)}, 600)
    assert set(run(Numbers()).values()) == {(Result.UNVERIFIABLE, "private-store")}


def test_an_error_while_keys_are_listed_is_one_finding():
    class Broken(Numbers):
        def key_batches(self):
            yield from islice(super().key_batches(), 2)
            raise LookupError("no more")

    assert run(Broken()) == {**{f"k{n}": STORED for n in range(20)}, "*": (Result.FAILED, "compute-failed")}
    assert run(Broken()) == {**{f"k{n}": WARM for n in range(20)}, "*": (Result.FAILED, "compute-failed")}


def test_a_connection_that_broke_while_keys_were_listed_is_dropped_before_the_rest_needs_it(monkeypatch):
    happened = []

    class Broken(Numbers):
        def key_batches(self):
            yield from islice(super().key_batches(), 1)
            raise OperationalError("server closed the connection unexpectedly")

        def make(self, part):
            happened.append("made")
            return super().make(part)

    monkeypatch.setattr(inventory, "drop_broken", lambda error: happened.append(type(error)))
    assert run(Broken())["k9"] == STORED
    assert happened[0] is OperationalError


def test_a_deadline_ends_it():
    run(Numbers())
    for pattern in ("", "k1*", "nothing*"):
        assert run(Numbers(), deadline_s=-1, key_pattern=pattern) == {"*": (Result.SKIPPED, "deadline")}


def test_a_store_that_is_down_is_given_up_once(tmp_path, settings):
    configured = settings.CACHES
    with servers.redis(tmp_path) as server:
        settings.CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url}}
        run(Numbers())
    try:
        assert set(run(Numbers(), retries=0).values()) == {(Result.FAILED, "cache-down")}
    finally:
        caches.close_all()
        settings.CACHES = configured


def test_parts_are_disjoint_together_everything_and_ask_for_their_own(asked):
    run(Numbers())
    asked.clear()
    parts = [run(through(Numbers(), Part(part, 3))) for part in range(3)]
    assert sorted(key for part in parts for key in part) == sorted(f"k{n}" for n in range(50))
    assert all(set(part.values()) == {WARM} for part in parts)
    assert len([key for keys in asked for key in keys]) == 50
    cache.delete_many(["k1", "k2", "k3", "k4"])
    again = [run(through(Numbers(), Part(part, 3))) for part in range(3)]
    assert [set(part) for part in again] == [set(part) for part in parts]
    assert {key for part in again for key, end in part.items() if end == STORED} == {"k1", "k2", "k3", "k4"}


@pytest.mark.parametrize(("budget", "left"), [({"keys": 25}, 25), ({"seconds": 1000}, 50), ({"bytes": 1}, 10)])
def test_budgets_are_kept(budget, left):
    purse = Purse(Budget(**budget))
    done = []
    for batch in Engine(RunOptions(batch_keys=10)).batches([through(Numbers(), purse)]):
        done += [outcome.url for outcome in batch.outcomes()]
        purse.charge(batch.written()[1])
    assert len(done) == left
    assert purse.is_closed == (left < 50)


def test_who_replaces_the_entries_alone_is_asked_for_entries():
    class Fewer(Numbers):
        def entries(self):
            return islice(super().entries(), 3)

    assert (has_key_batches(Numbers()), has_key_batches(Fewer()), has_key_batches(Warmer())) == (True, False, False)
    assert run(Fewer()).keys() == {"k0", "k1", "k2"}
    assert run(through(Fewer(), Part(0, 1))).keys() == {"k0", "k1", "k2"}


def test_what_comes_before_an_error_is_not_lost():
    def items():
        yield from range(2_500)
        raise LookupError("no more")

    chunks = chunked(items())
    assert [*next(chunks), *next(chunks)] == list(range(2_500))
    with pytest.raises(LookupError):
        next(chunks)
    assert list(chunked([])) == []
