"""Options with which sites configure their caches: whatever they are, the site finds what was warmed."""

from __future__ import annotations

import pytest
from django.core.cache import cache, caches
from django.core.cache.backends.redis import RedisCache as DjangosRedisCache
from django.core.cache.backends.redis import RedisCacheClient
from django_redis.cache import RedisCache as DjangoRedisCache

from django_hooks.backends import Store
from django_hooks.backends.redis import DjangoRedisStore
from tests import servers
from url_manifests.outcomes import Result

from .conftest import run

COMPRESSORS = ("zlib.ZlibCompressor", "gzip.GzipCompressor", "lzma.LzmaCompressor", "lz4.Lz4Compressor")
SERIALIZERS = ("pickle.PickleSerializer", "json.JSONSerializer", "msgpack.MSGPackSerializer")
VALUES = {
    "text": "Grüße",
    "number": 42,
    "truth": True,
    "nested": {"a": [1, 2.5, None, "x"]},
    "nothing": None,
    "empty": "",
    "long": "y" * 5000,
    "pair": (1, 2),
}


def keyed(key, prefix, version):
    return f"{{site}}/{version}/{prefix}/{key}"


def unkeyed(key):
    return key.rpartition("/")[2]


def reads_as_if_the_site_had_written(values):
    """Warm, and compare what the site reads with what it would read had it stored the values itself."""
    cache.set_many(values, 600)
    wanted = cache.get_many(values)
    one_by_one = {key: cache.get(key, "absent") for key in values}
    cache.clear()
    counts, details = run(values)
    assert counts == {(Result.STORED, ""): len(values)}, details
    assert cache.get_many(values) == wanted
    assert {key: cache.get(key, "absent") for key in values} == one_by_one
    assert run(values)[0] == {(Result.ALREADY_WARM, ""): len(values)}
    assert run(values, refresh=True)[0] == {(Result.STORED, ""): len(values)}
    assert cache.get_many(values) == wanted


@pytest.fixture
def on_redis(redis_server, settings):
    """Configure the default cache on django-redis with these options."""

    def configure(backend="django_redis.cache.RedisCache", location=redis_server.url, **more):
        options = more.pop("OPTIONS", {})
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location, "OPTIONS": options, **more}}
        caches["default"].clear()

    yield configure
    caches["default"].clear()
    caches.close_all()


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_compressors_and_serializers_of_django_redis(on_redis, store, compressor, serializer):
    options = {
        "COMPRESSOR": f"django_redis.compressors.{compressor}",
        "SERIALIZER": f"django_redis.serializers.{serializer}",
    }
    on_redis(OPTIONS=options)
    assert type(store()) is DjangoRedisStore
    reads_as_if_the_site_had_written(VALUES)


@pytest.mark.parametrize("serializer", SERIALIZERS[1:])
def test_what_a_serializer_cannot_take_is_named(on_redis, serializer):
    on_redis(OPTIONS={"SERIALIZER": f"django_redis.serializers.{serializer}"})
    counts, details = run({"odd": {1, 2}, "plain": 1})
    assert counts == {(Result.FAILED, "unpicklable"): 1, (Result.STORED, ""): 1}
    assert "set" in details["unpicklable"]


def test_key_functions_prefix_and_version(on_redis):
    functions = {"KEY_FUNCTION": f"{__name__}.keyed", "REVERSE_KEY_FUNCTION": f"{__name__}.unkeyed"}
    on_redis(KEY_PREFIX="shop", VERSION=7, **functions)
    reads_as_if_the_site_had_written(VALUES)
    assert set(cache.keys("*")) == set(VALUES)
    assert cache.client.get_client().exists("{site}/7/shop/text")


def test_the_options_of_connections(on_redis):
    options = {
        "IGNORE_EXCEPTIONS": True,
        "SOCKET_TIMEOUT": 2,
        "SOCKET_CONNECT_TIMEOUT": 2,
        "CONNECTION_POOL_KWARGS": {"max_connections": 2, "health_check_interval": 1},
    }
    on_redis(OPTIONS=options)
    reads_as_if_the_site_had_written(VALUES)


def test_the_herd_client(on_redis, store):
    on_redis(OPTIONS={"CLIENT_CLASS": "django_redis.client.HerdClient"})
    assert type(store()) is Store
    reads_as_if_the_site_had_written(VALUES)


@pytest.mark.filterwarnings("ignore:.et on sharded client should not specify client")  # It says so to itself.
def test_the_sharded_client(on_redis, store, redis_server, tmp_path):
    with servers.redis(tmp_path) as second:
        on_redis(location=[redis_server.url, second.url], OPTIONS={"CLIENT_CLASS": "django_redis.client.ShardClient"})
        assert type(store()) is Store
        # This client's get_many() leaves out what is None.
        reads_as_if_the_site_had_written({key: value for key, value in VALUES.items() if value is not None})
        on_redis()


class Doubling(DjangosRedisCache):
    """Keeps something else than it is given."""

    def set(self, key, value, timeout=None, version=None):
        super().set(key, (value, value), timeout, version)

    def add(self, key, value, timeout=None, version=None):
        return super().add(key, (value, value), timeout, version)

    def set_many(self, data, timeout=None, version=None):
        return super().set_many({key: (value, value) for key, value in data.items()}, timeout, version)

    def get(self, key, default=None, version=None):
        found = super().get(key, None, version)
        return default if found is None else found[0]

    def get_many(self, keys, version=None):
        return {key: value[0] for key, value in super().get_many(keys, version).items()}


class Prefixing(RedisCacheClient):
    """A client that has ideas of its own about keys."""

    def get(self, key, default):
        return super().get("own:" + key, default)

    def set(self, key, value, timeout):
        super().set("own:" + key, value, timeout)

    def add(self, key, value, timeout):
        return super().add("own:" + key, value, timeout)

    def has_key(self, key):
        return super().has_key("own:" + key)

    def get_many(self, keys):
        found = super().get_many(["own:" + key for key in keys])
        return {key.removeprefix("own:"): value for key, value in found.items()}

    def set_many(self, data, timeout):
        super().set_many({"own:" + key: value for key, value in data.items()}, timeout)


class OnPrefixing(DjangosRedisCache):
    def __init__(self, server, params):
        super().__init__(server, params)
        self._class = Prefixing


class Packing(DjangoRedisCache):
    """Replaces bulk methods alone."""

    def set_many(self, data, *args, **kwargs):
        return super().set_many({key: ["packed", value] for key, value in data.items()}, *args, **kwargs)

    def get_many(self, *args, **kwargs):
        return {key: value[1] for key, value in super().get_many(*args, **kwargs).items()}

    def set(self, key, value, *args, **kwargs):
        return super().set(key, ["packed", value], *args, **kwargs)

    def add(self, key, value, *args, **kwargs):
        return super().add(key, ["packed", value], *args, **kwargs)

    def get(self, key, default=None, *args, **kwargs):
        found = super().get(key, None, *args, **kwargs)
        return default if found is None else found[1]


@pytest.mark.parametrize("name", ["Doubling", "OnPrefixing", "Packing"])
def test_a_sites_own_backend_is_used_through_its_own_methods(on_redis, store, name):
    on_redis(f"{__name__}.{name}")
    assert type(store()) is Store
    reads_as_if_the_site_had_written(VALUES)
