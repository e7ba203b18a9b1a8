"""Which cache clients would wait for ever for a server that hangs, asked of the installed clients themselves.

redis-py waited for ever until its release 8, which gives up after five seconds; pymemcache still does.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.memcached import PyMemcacheCache
from django.core.cache.backends.redis import RedisCache
from django.utils.module_loading import import_string

_REDIS: Final = ("socket_timeout", "socket_connect_timeout")
_MEMCACHE: Final = ("timeout", "connect_timeout")


def missing() -> dict[str, list[str]]:
    """Cache alias → the options that it lacks, as they have to be written in ``OPTIONS``."""
    found = {alias: list(_missing(options)) for alias, options in settings.CACHES.items()}
    return {alias: names for alias, names in found.items() if names}


@contextmanager
def imposed(timeout_s: float) -> Iterator[None]:
    """Have no cache client of this process wait for longer while the block runs, where nothing else is configured.

    Connections that this thread had before are made anew, at both ends of the block.
    """
    changed: dict[str, Any] = {alias: settings.CACHES[alias].get("OPTIONS") for alias in missing()}
    for alias, names in missing().items():
        given = changed[alias] or {}
        settings.CACHES[alias]["OPTIONS"] = {**given, **dict.fromkeys(names, timeout_s)}
    _reconnect(changed)
    try:
        yield
    finally:
        for alias, options in changed.items():
            settings.CACHES[alias]["OPTIONS"] = options or {}
        _reconnect(changed)


def _reconnect(aliases: Iterable[str]) -> None:
    for alias in aliases:
        caches[alias].close()
        del caches[alias]


def _missing(options: Mapping[str, Any]) -> Iterable[str]:
    try:
        backend = import_string(str(options.get("BACKEND", "")))
    except ImportError:
        return  # Django names it when the alias is used.
    given = options.get("OPTIONS", {})
    if _is_a(backend, PyMemcacheCache):
        yield from (name for name in _MEMCACHE if given.get(name) is None)
    elif _is_a(backend, RedisCache) or _is_django_redis(backend):
        spelled = str.upper if _is_django_redis(backend) else str.lower
        for name in _REDIS:
            if not (given.get(spelled(name)) or _in_url(options.get("LOCATION"), name) or _redis_default(name)):
                yield spelled(name)


def _is_a(backend: Any, base: type) -> bool:
    return isinstance(backend, type) and issubclass(backend, base)


def _is_django_redis(backend: Any) -> bool:
    # By name: the check must not load a client that nobody uses.
    return any(base.__module__.startswith("django_redis.") for base in getattr(backend, "__mro__", ()))


def _in_url(location: Any, name: str) -> bool:
    servers = [location] if isinstance(location, str) else location or []
    return bool(servers) and all(name in parse_qs(urlsplit(str(server)).query) for server in servers)


def _redis_default(name: str) -> Any:
    from redis.connection import AbstractConnection  # noqa: PLC0415 - only where a cache uses it

    parameter = inspect.signature(AbstractConnection.__init__).parameters.get(name)
    return parameter.default if parameter else None
