"""A store that cannot take everything: the run stops before anything that lives there is thrown out, and says so."""

from __future__ import annotations

from collections import Counter

import pytest
from django.core.cache import cache, caches

from django_hooks.backends.room import Room
from django_hooks.backends.slabs import SlabClass, SlabRoom
from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import CacheEntry, Warmer
from tests import servers
from url_manifests.outcomes import Result

MEGABYTES = 200
BEFORE = 2000
"""Entries of somebody else, of several sizes."""


class Large(Warmer):
    """200 MB in values of 10 KB, of which no two are alike."""

    name = "large"
    timeout = 3600

    def entries(self):
        for number in range(MEGABYTES * 100):
            yield CacheEntry(key=f"large:{number}", compute=lambda number=number: f"{number:010}" * 1000)


def run(warmer, **options):
    """Counts by result and reason, and an example of each reason's detail."""
    counts, details = Counter(), {}
    for batch in Engine(RunOptions(**options)).batches([warmer]):
        for result, (count, _) in batch.plain().items():
            counts[result, ""] += count
        for outcome in batch.exceptional():
            counts[outcome.result, outcome.reason] += 1
            details[outcome.reason] = outcome.detail
    return counts, details


def others():
    return {f"other:{number}": "o" * (50 + number % 900) for number in range(BEFORE)}


def fill_and_check(details_say):
    theirs = others()
    cache.set_many(theirs, 3600)
    counts, details = run(Large())
    assert counts.keys() == {(Result.STORED, ""), (Result.SKIPPED, "no-room")}
    assert counts.total() == MEGABYTES * 100
    assert counts[Result.STORED, ""] > 3000
    assert details_say in details["no-room"]
    assert cache.get_many(theirs) == theirs
    # A second run finds what the first has stored, and hardly writes: sizes were estimated from above.
    again, _ = run(Large())
    assert again[Result.ALREADY_WARM, ""] == counts[Result.STORED, ""]
    assert again[Result.STORED, ""] < 100
    assert again.total() == MEGABYTES * 100
    assert cache.get_many(theirs) == theirs


@pytest.mark.parametrize("policy", ["allkeys-lru", "noeviction", "volatile-ttl"])
def test_redis_with_maxmemory_64mb_asked_to_take_200_mb(policy, tmp_path, settings):
    with servers.redis(tmp_path, "--maxmemory", "64mb", "--maxmemory-policy", policy) as server:
        settings.CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url}}
        fill_and_check(f"maxmemory 64 MB, {policy}")
        client = caches["default"].client.get_client()
        assert (client.info("stats")["evicted_keys"], "errorstat_OOM" in client.info("errorstats")) == (0, False)
        caches.close_all()


def test_memcached_with_64_mb_asked_to_take_200_mb(tmp_path, settings):
    with servers.memcached(tmp_path, "-m", "64") as server:
        path = "django.core.cache.backends.memcached.PyMemcacheCache"
        settings.CACHES = {"default": {"BACKEND": path, "LOCATION": f"{server.host}:{server.port}"}}
        fill_and_check("64 MB")
        stats = next(iter(caches["default"]._cache.clients.values())).stats()
        assert stats[b"evictions"] == 0
        caches.close_all()


class Many(Warmer):
    """More small entries than MAX_ENTRIES lets in."""

    name = "many"
    timeout = 60

    def entries(self):
        for number in range(500):
            yield CacheEntry(key=f"k{number}", value=number)


@pytest.mark.parametrize("backend", ["db", "file"], indirect=True)
def test_a_store_with_max_entries_is_filled_below_them_and_never_culled(backend, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "OPTIONS": {"MAX_ENTRIES": 300}}}
    cache.set_many({f"other{number}": 1 for number in range(100)}, 500)
    counts, details = run(Many())
    assert counts == {(Result.STORED, ""): 185, (Result.SKIPPED, "no-room"): 315}
    assert details["no-room"] == "nothing that lives is thrown out for it: MAX_ENTRIES 300"
    cache.set("visitor", 1)
    assert len(cache.get_many([f"other{number}" for number in range(100)])) == 100
    assert len(cache.get_many([f"k{number}" for number in range(185)])) == 185


@pytest.mark.parametrize("backend", ["db"], indirect=True)
def test_what_has_expired_makes_room(backend, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "OPTIONS": {"MAX_ENTRIES": 1000}}}
    cache.set_many({f"old{number}": 1 for number in range(700)}, -10)
    counts, _ = run(Many())
    assert counts == {(Result.STORED, ""): 500}


@pytest.mark.parametrize("backend", ["db"], indirect=True)
def test_a_refresh_of_what_is_there_needs_no_room(backend, settings):
    run(Many())
    settings.CACHES = {"default": {**settings.CACHES["default"], "OPTIONS": {"MAX_ENTRIES": 500}}}
    counts, _ = run(Many(), refresh=True)
    assert counts == {(Result.STORED, ""): 500}


def test_room_is_booked():
    room = Room(bytes_left=100, entries_left=2)
    assert [room.take(40), room.take(70), room.take(60), room.take(1)] == [True, False, True, False]


def test_a_slab_class_without_room_takes_nothing_while_others_do():
    def room():
        slab = SlabClass(chunk_bytes=120, free=1, per_page=8738)
        return SlabRoom(pages_left=1, page_bytes=1 << 20, slabs={120: slab})

    full = room()
    assert [full.take(110), full.take(5000), full.take(110)] == [True, True, False]
    small = room()
    assert [small.take(110) for _ in range(8740)] == [True] * 8739 + [False]
    assert not room().take(3 << 20)
