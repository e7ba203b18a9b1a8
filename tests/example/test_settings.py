"""One-line environment variables become Django's settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from example import backends

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("value", "backend", "location"),
    [
        ("db", "django.core.cache.backends.db.DatabaseCache", "cache_entries"),
        ("redis://localhost:6379/0", "django_redis.cache.RedisCache", "redis://localhost:6379/0"),
        ("redis-builtin://h:1/2", "django.core.cache.backends.redis.RedisCache", "redis://h:1/2"),
        ("memcached://h:11211", "django.core.cache.backends.memcached.PyMemcacheCache", "h:11211"),
        ("file:/somewhere", "django.core.cache.backends.filebased.FileBasedCache", "/somewhere"),
        ("locmem", "django.core.cache.backends.locmem.LocMemCache", "example"),
    ],
)
def test_caches(value, backend, location):
    made = backends.cache(value, prefix="r1")

    assert (backend, location, "r1") == (made["BACKEND"], made["LOCATION"], made["KEY_PREFIX"])


@pytest.mark.parametrize("value", ["db", "locmem", "file:/somewhere"])
def test_caches_that_cull_hold_the_whole_shop(value):
    assert backends.cache(value, prefix="")["OPTIONS"]["MAX_ENTRIES"] >= 200_000


def test_an_unknown_cache_is_refused_by_name():
    with pytest.raises(ValueError, match=r"EXAMPLE_CACHE='mongo://h'.*memcached"):
        backends.cache("mongo://h", prefix="")


def test_postgres():
    made = backends.database("postgres://shop:p%40ss@db.internal:6543/loom")

    assert made["ENGINE"] == "django.db.backends.postgresql"
    assert [made[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
        "shop",
        "p@ss",
        "db.internal",
        "6543",
        "loom",
    ]


@pytest.mark.parametrize(
    "command",
    [
        ["example/manage.py", "check"],
        ["-m", "django", "check", "--settings", "example.settings"],
    ],
)
def test_both_ways_to_run_a_command(tmp_path, command):
    env = {**os.environ, "EXAMPLE_DB": str(tmp_path / "db.sqlite3"), "WARM_SECRET": "0123456789abcdef" * 4}

    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_models_and_migrations_agree(tmp_path):
    # In a process of its own: other tests define models for themselves.
    env = {**os.environ, "EXAMPLE_DB": str(tmp_path / "db.sqlite3"), "WARM_SECRET": "0123456789abcdef" * 4}
    command = [sys.executable, "example/manage.py", "makemigrations", "--check", "--dry-run"]

    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "No changes detected\n")


def test_health_names_the_release(visitor, settings):
    settings.RELEASE = "2026-07-01"

    answer = visitor.get("/healthz/")

    assert (answer.content, answer["X-Release"]) == (b"ok", "2026-07-01")
