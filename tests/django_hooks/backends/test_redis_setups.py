"""Redis with replicas, under Sentinel and as a cluster, on real servers that fail in the middle of a run."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from threading import Timer
from types import SimpleNamespace

import pytest
import redis
from django.core.cache import cache, caches
from django_redis.pool import ConnectionFactory
from redis.cluster import RedisCluster

from django_hooks.backends import GONE, Finding
from django_hooks.backends.redis import DjangoRedisStore, RedisStore
from tests import servers
from url_manifests.outcomes import Result

from .conftest import items, run

DJANGO_REDIS = "django_redis.cache.RedisCache"
DJANGOS_REDIS = "django.core.cache.backends.redis.RedisCache"


def numbers(count):
    return {f"k{number}": number for number in range(count)}


def wait_until(condition, seconds=10):
    ends_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    return found


@pytest.fixture
def pair(tmp_path):
    """A primary and its replica."""
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("primary", "replica")]
        for folder in folders:
            folder.mkdir()
        primary = stack.enter_context(servers.redis(folders[0], "--repl-diskless-sync-delay", "0"))
        replica = stack.enter_context(servers.redis(folders[1], "--replicaof", f"127.0.0.1 {primary.port}"))
        with redis.Redis(port=replica.port) as client:
            wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        yield SimpleNamespace(primary=primary, replica=replica)
        caches.close_all()


@pytest.fixture
def sentinel(pair, tmp_path, settings):
    """The default cache by a sentinel that watches the pair."""
    service = f"shop-{pair.primary.port}"  # django-redis keeps its connections by this name, for all tests.
    with servers.redis_sentinel(tmp_path, pair.primary, service) as server:
        options = {
            "CLIENT_CLASS": "django_redis.client.SentinelClient",
            "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
            "SENTINELS": [(server.host, server.port)],
            "SOCKET_TIMEOUT": 1,
            "SOCKET_CONNECT_TIMEOUT": 1,
        }
        settings.CACHES = {"default": {"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{service}/0", "OPTIONS": options}}
        with redis.Redis(port=server.port) as client:
            wait_until(lambda: client.sentinel_slaves(service))
        yield server


def has(server, keys):
    with redis.Redis(port=server.port) as client:
        return sum(value is not None for value in client.mget([cache.make_key(key) for key in keys]))


@pytest.mark.parametrize("backend", [DJANGO_REDIS, DJANGOS_REDIS])
def test_with_several_servers_the_first_is_written_and_the_sites_reads_find_it_on_the_others(
    pair, settings, store, backend
):
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": [pair.primary.url, pair.replica.url]}}
    values = numbers(1500)
    assert type(store()) is (DjangoRedisStore if backend == DJANGO_REDIS else RedisStore)
    assert run(values)[0] == {(Result.STORED, ""): 1500}
    assert run(values)[0] == {(Result.ALREADY_WARM, ""): 1500}
    wait_until(lambda: has(pair.replica, values) == 1500)
    assert cache.get_many(values) == values


@pytest.mark.parametrize("backend", [DJANGO_REDIS, DJANGOS_REDIS])
def test_a_replica_in_place_of_the_primary_is_given_up_and_named(pair, settings, backend):
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": pair.replica.url}}
    counts, details = run(numbers(3000), retries=1)
    assert counts == {(Result.FAILED, "cache-down"): 3000}
    assert "ReadOnlyError" in details["cache-down"]


def test_a_replica_that_is_made_the_primary_meanwhile_is_written_to(pair, settings):
    settings.CACHES = {"default": {"BACKEND": DJANGO_REDIS, "LOCATION": pair.replica.url}}
    with redis.Redis(port=pair.replica.port) as client:
        Timer(0.5, lambda: client.replicaof("NO", "ONE")).start()
        counts, _ = run(numbers(3000))
    assert counts == {(Result.STORED, ""): 3000}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_failover_by_sentinel_in_the_middle_of_a_run(pair, sentinel, store, how):
    values = numbers(20_000)
    assert type(store()) is DjangoRedisStore
    try:
        counts, _ = run(values, {15_000: lambda: os.kill(pair.primary.pid, how)})
    finally:
        os.kill(pair.primary.pid, signal.SIGCONT)
    assert counts[Result.STORED, ""] + counts[Result.ALREADY_WARM, ""] == 20_000
    # What the primary had not passed on when it died is lost with it; the next run finds that out.
    there = has(pair.replica, values)
    assert there >= 5000
    again, _ = run(values)
    assert (again[Result.ALREADY_WARM, ""], again[Result.STORED, ""]) == (there, 20_000 - there)
    assert has(pair.replica, values) == 20_000


class ClusterFactory(ConnectionFactory):
    """How a project makes django-redis, which has no client for clusters, talk to one."""

    def connect(self, url):
        return RedisCluster.from_url(url)


@pytest.fixture
def cluster(tmp_path, settings):
    with servers.redis_cluster(tmp_path) as nodes:
        options = {"CONNECTION_FACTORY": f"{__name__}.ClusterFactory"}
        settings.CACHES = {"default": {"BACKEND": DJANGO_REDIS, "LOCATION": nodes[0].url, "OPTIONS": options}}
        yield nodes
        caches["default"].client.get_client().close()
        caches.close_all()


def test_a_cluster(cluster, store):
    values = numbers(3000)
    cache.set("k7", "a visitor's", 500)
    opened = store()
    assert type(opened) is DjangoRedisStore
    assert run(values)[0] == {(Result.STORED, ""): 2999, (Result.ALREADY_WARM, ""): 1}
    assert run(values)[0] == {(Result.ALREADY_WARM, ""): 3000}
    assert [cache.get(key) for key in ("k6", "k7", "k8")] == [6, "a visitor's", 8]
    assert run(values, refresh=True)[0] == {(Result.STORED, ""): 3000}
    made = items(opened, {"k7": 7, "gone": 1})
    assert opened.present(made) == {0}
    assert 490 < opened.time_left_s(made)[0] <= 500
    assert opened.time_left_s(made)[1] is GONE
    assert {index: finding for index, (finding, _) in opened.verify(made, 0).items()} == {
        0: Finding.TIMEOUT,
        1: Finding.MISSING,
    }
    opened.delete(made)
    assert cache.get("k7") is None
    assert all(0 < has_of(node) < 3000 for node in cluster)


def has_of(node):
    with redis.Redis(port=node.port) as client:
        return client.dbsize()


def test_a_cluster_that_loses_a_node_in_the_middle_of_a_run_is_given_up_and_named(cluster):
    values = numbers(20_000)
    counts, details = run(values, {15_000: lambda: os.kill(cluster[1].pid, signal.SIGKILL)}, retries=1)
    assert (counts.total(), counts.keys()) == (20_000, {(Result.STORED, ""), (Result.FAILED, "cache-down")})
    assert counts[Result.STORED, ""] > 300
    assert details["cache-down"]
