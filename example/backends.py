"""Turn the one-line environment variables ``EXAMPLE_DB`` and ``EXAMPLE_CACHE`` into Django's settings dicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

# Django's default of 300 would throw away most of this shop's pages while they are being stored.
MAX_ENTRIES = 2_000_000

SQLITE_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000"


def database(value: str) -> dict[str, Any]:
    """Return the ``default`` database for a path of an SQLite file or a ``postgres://user:pass@host:port/name`` URL."""
    if value.startswith(("postgres://", "postgresql://")):
        return _postgres(value)
    Path(value).parent.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": value,
        "OPTIONS": {
            "init_command": SQLITE_PRAGMAS,
            # The cache table is written by every worker: taking the write lock at BEGIN makes them queue, where a
            # deferred transaction that reads first would fail at once with "database is locked".
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }


def cache(value: str, prefix: str) -> dict[str, Any]:
    """Return the ``default`` cache for ``EXAMPLE_CACHE``; ``prefix`` keeps the keys of two releases apart."""
    scheme, _, rest = value.partition(":")
    location = rest.removeprefix("//")
    choices: dict[str, dict[str, Any]] = {
        "db": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "cache_entries",
            "OPTIONS": {"MAX_ENTRIES": MAX_ENTRIES},
        },
        "redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://{location}"},
        "redis-builtin": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://{location}",
        },
        "memcached": {
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": location,
            "OPTIONS": {"timeout": 5, "connect_timeout": 2},
        },
        "locmem": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "example",
            "OPTIONS": {"MAX_ENTRIES": MAX_ENTRIES},
        },
        "file": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": rest,
            "OPTIONS": {"MAX_ENTRIES": MAX_ENTRIES},
        },
        "dummy": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    }
    if scheme not in choices:
        raise ValueError(f"EXAMPLE_CACHE={value!r}: choose one of {', '.join(choices)}")
    return {**choices[scheme], "KEY_PREFIX": prefix}


def _postgres(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }
