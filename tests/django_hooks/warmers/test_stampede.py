"""Many readers who miss at once: one computes, and nobody waits for the dead."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from django.core.cache import cache, caches

from django_hooks.warmers import cached

READERS = 12


@pytest.fixture(autouse=True)
def _own(own_registry):
    """What a test decorates is gone after it."""


class Work:
    """Something slow, which counts how often it is done."""

    def __init__(self, seconds=0.3, failures=0):
        self.seconds, self.failures, self.times = seconds, failures, 0

    def __call__(self):
        self.times += 1
        time.sleep(self.seconds)
        if self.times <= self.failures:
            raise ZeroDivisionError
        return self.times


def in_threads(call):
    results = []

    def read():
        try:
            results.append(call())
        except ZeroDivisionError as error:
            results.append(error)
        finally:
            caches.close_all()

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# The add() of Django's file cache is no single step, so a few may compute there.
@pytest.mark.parametrize("backend", ["django-redis", "redis", "memcached"], indirect=True)
def test_one_of_many_threads_computes(backend):
    work = Work()
    figure = cached("figure", timeout=60)(work)
    assert in_threads(figure) == [1] * READERS
    assert work.times == 1
    assert cache.get("figure:lock") is None


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_one_of_many_tasks_computes(backend):
    times = []

    @cached("figure", timeout=60)
    async def figure():
        times.append(1)
        await asyncio.sleep(0.3)
        return "done"

    async def readers():
        return await asyncio.gather(*(figure() for _ in range(READERS)))

    assert asyncio.run(readers()) == ["done"] * READERS
    assert times == [1]


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_when_the_holder_fails_the_next_one_takes_over(backend):
    work = Work(seconds=0.1, failures=1)
    results = in_threads(cached("figure", timeout=60)(work))
    assert sum(isinstance(result, ZeroDivisionError) for result in results) == 1
    assert [result for result in results if result == 2] == [2] * (READERS - 1)
    assert work.times == 2


@pytest.mark.parametrize("backend", ["redis", "memcached"], indirect=True)
def test_the_lock_of_a_dead_holder_ends_by_itself(backend):
    work = Work(seconds=0)
    figure = cached("figure", timeout=60, lock_s=60)(work)
    cache.add("figure:lock", "a process that was killed", 1)
    started_s = time.monotonic()
    assert figure() == 1
    assert time.monotonic() - started_s < 10
    assert work.times == 1


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
@pytest.mark.parametrize("call", [lambda figure: figure(), lambda figure: asyncio.run(figure.aget())])
def test_patience_ends_when_somebody_holds_the_lock_too_long(backend, call):
    work = Work(seconds=0)
    figure = cached("figure", timeout=60, lock_s=0.2)(work)
    cache.add("figure:lock", "somebody slow", 60)
    assert call(figure) == 1
    assert cache.get("figure") == 1
    assert cache.get("figure:lock") == "somebody slow"


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_who_took_too_long_leaves_the_lock_of_its_successor(backend):
    def overtaken():
        cache.set("figure:lock", "the successor", 60)
        return 1

    cached("figure", timeout=60)(overtaken)()
    assert cache.get("figure:lock") == "the successor"


@pytest.mark.parametrize("backend", ["dummy"], indirect=True)
def test_a_cache_that_keeps_nothing_computes_each_time(backend):
    work = Work(seconds=0)
    figure = cached("figure", timeout=60)(work)
    assert [figure(), figure()] == [1, 2]


HIDING = {
    "django-redis": ("django_redis.cache.RedisCache", "redis://127.0.0.1:1/0", {"IGNORE_EXCEPTIONS": True}),
    "memcached": ("django.core.cache.backends.memcached.PyMemcacheCache", "127.0.0.1:1", {"ignore_exc": True}),
}


@pytest.mark.parametrize("call", [lambda figure: figure(), lambda figure: asyncio.run(figure.aget())])
@pytest.mark.parametrize("hiding", ["django-redis", "memcached"])
def test_nobody_waits_for_the_lock_of_a_cache_that_is_down_and_hides_it(hiding, call, settings):
    backend, location, options = HIDING[hiding]
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}}
    figure = cached("figure", timeout=60)(Work(seconds=0))
    started_s = time.monotonic()
    assert call(figure) == 1
    assert time.monotonic() - started_s < 5
