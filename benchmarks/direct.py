"""Writing straight into caches: each backend's raw bulk path, Django's ``set_many``, a naive loop, and the engine.

``python -m benchmarks.direct [KEYS [BACKEND…]]``. Every backend is a real server of its own; values have 200 bytes;
keys are missing. Ways that take a statement or a round trip for each key are given a twentieth of the keys, half of all
keys being there already. SQLite is there as Django sets it up, and with a write-ahead log. Each way runs in turns with
the others, on emptied stores, and its best turn counts: on a busy machine that is the least disturbed one. Processor
time, the server's included, is disturbed less than the clock. Ratios are to the raw bulk path, which is what the client
library or the database can do when a program is written for nothing else: it pickles too, and looks at nothing before
or afterwards.
"""

from __future__ import annotations

import base64
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import django
from django.conf import settings
from rich.console import Console
from rich.table import Table

from tests import servers

KEYS: Final = 10_000
TURNS: Final = 7
SLOW_SHARE: Final = 0.05
"""Share of the keys given to ways that take a statement, or a round trip, and more for each key."""
TIMEOUT_S: Final = 3600
BATCH: Final = 1000
VALUE: Final = "x" * 200

Pairs = Sequence[tuple[str, str]]


def main() -> int:
    """Print a table for each backend."""
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else KEYS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _configure(stack, folder)
        for alias in sys.argv[2:] or RAW:
            _compare(alias, RAW[alias], keys)
    return 0


_pids: dict[str, int] = {}
"""Alias → process of its server."""


def _configure(stack: ExitStack, folder: Path) -> None:
    redis = stack.enter_context(servers.redis(_sub(folder, "redis")))
    memcached = stack.enter_context(servers.memcached(_sub(folder, "memcached")))
    # What sites run: each commit is on the disk.
    postgres = stack.enter_context(servers.postgres(_sub(folder, "postgres"), "-c", "fsync=on"))
    _pids.update(
        {"django-redis": redis.pid, "redis": redis.pid, "memcached": memcached.pid, "PostgreSQL": postgres.pid}
    )
    core = "django.core.cache.backends."
    table = {"BACKEND": f"{core}db.DatabaseCache", "OPTIONS": {"MAX_ENTRIES": 10_000_000}}
    settings.configure(
        USE_TZ=True,
        INSTALLED_APPS=[],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db.sqlite3")},
            "wal": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "wal.sqlite3")},
            "pg": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "USER": "postgres",
                "HOST": postgres.host,
                "PORT": str(postgres.port),
            },
        },
        DATABASE_ROUTERS=["benchmarks.direct.Router"],
        CACHES={
            "default": {"BACKEND": f"{core}dummy.DummyCache"},
            "django-redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis.url},
            "redis": {"BACKEND": f"{core}redis.RedisCache", "LOCATION": redis.url},
            "memcached": {
                "BACKEND": f"{core}memcached.PyMemcacheCache",
                "LOCATION": f"{memcached.host}:{memcached.port}",
            },
            "SQLite": {**table, "LOCATION": "cache_default"},
            "SQLite, WAL": {**table, "LOCATION": "cache_wal"},
            "PostgreSQL": {**table, "LOCATION": "cache_pg"},
        },
    )
    django.setup()
    from django.core.management import call_command
    from django.db import connections

    with connections["wal"].cursor() as cursor:
        cursor.execute("PRAGMA journal_mode=WAL")
    for database in ("default", "wal", "pg"):
        call_command("createcachetable", database=database, verbosity=0)


def _sub(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


class Router:
    """Each table ``cache_NAME`` lies in the database NAME."""

    def db_for_read(self, model: Any, **hints: object) -> str:
        return str(model._meta.db_table.removeprefix("cache_"))

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        return True


def _compare(alias: str, raw: Callable[[Any, Pairs], None], keys: int) -> None:
    from django.core.cache import caches

    cache = caches[alias]
    pairs = [(f"shop:row:{number}", VALUE) for number in range(keys)]
    ways: dict[str, tuple[Callable[[Any, Pairs], None], float]] = {
        "raw bulk path": (raw, 1),
        "set_many, 1,000 at a time": (_set_many, SLOW_SHARE if _is_table(alias) else 1),
        "loop of cache.set": (_loop, SLOW_SHARE),
        "engine, not read back": (_engine("none"), 1),
        "engine, a sample read back": (_engine("sample"), 1),
        "engine, all read back": (_engine("all"), 1),
    }
    ways["engine, a second run at once"] = (_engine("all"), 1)
    ways["engine, a second run, keys in bulk"] = (_engine("all", in_bulk=True), 1)
    best = dict.fromkeys(ways, (float("inf"), float("inf")))
    for _ in range(TURNS):
        for name, (way, share) in ways.items():
            if "second" not in name:
                _empty(cache, alias)
            # The average while all are written: each `set` of the database cache counts the rows that are there.
            there = len(pairs) // 2 if share < 1 else 0
            raw(cache, pairs[:there])
            part = pairs[there : there + max(1, int(len(pairs) * share))]
            taken = _timed(lambda way=way, part=part: way(cache, part), len(part), _pids.get(alias))
            best[name] = (min(best[name][0], taken[0]), min(best[name][1], taken[1]))
    _print(alias, keys, best)
    cache.clear()


def _empty(cache: Any, alias: str) -> None:
    cache.clear()
    if alias == "PostgreSQL":
        from django.db import connections

        with connections["pg"].cursor() as cursor:
            cursor.execute("VACUUM cache_pg")  # or each way would count the rows that those before it have left behind


def _timed(call: Callable[[], None], keys: int, server: int | None) -> tuple[float, float]:
    """Seconds a key by the clock, and of processor time, here and in the server."""
    before_s, began_s = time.process_time() + _server_cpu_s(server), time.perf_counter()
    call()
    elapsed_s = time.perf_counter() - began_s
    return elapsed_s / keys, (time.process_time() + _server_cpu_s(server) - before_s) / keys


def _server_cpu_s(pid: int | None) -> float:
    """Of the process and its children, as PostgreSQL has one for each connection."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat") if pid else ():
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has ended meanwhile.
        if int(path.parent.name) == pid or int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _print(alias: str, keys: int, best: dict[str, tuple[float, float]]) -> None:
    table = Table(title=f"{alias}: {keys:,} keys of {len(VALUE)} bytes, best of {TURNS}", title_justify="left")
    table.add_column("way")
    for heading in (
        "keys a second",
        "µs a key",
        "of processors",
        "to raw",
        "by processors",
        "to set_many",
        "by processors",
    ):
        table.add_column(heading, justify="right")
    raw, many = best["raw bulk path"], best["set_many, 1,000 at a time"]
    for name, own in best.items():
        ratios = [f"{other[n] / own[n]:.2f}" for other in (raw, many) for n in range(2)]
        table.add_row(name, f"{1 / own[0]:,.0f}", *(f"{one * 1e6:.1f}" for one in own), *ratios)
    Console(width=140).print(table)


def _batches(pairs: Pairs) -> Iterator[Pairs]:
    for start in range(0, len(pairs), BATCH):
        yield pairs[start : start + BATCH]


def _set_many(cache: Any, pairs: Pairs) -> None:
    for batch in _batches(pairs):
        cache.set_many(dict(batch), TIMEOUT_S)


def _loop(cache: Any, pairs: Pairs) -> None:
    for key, value in pairs:
        cache.set(key, value, TIMEOUT_S)


def _raw_redis(cache: Any, pairs: Pairs) -> None:
    client = cache.client.get_client() if hasattr(cache, "client") else cache._cache.get_client(write=True)
    for batch in _batches(pairs):
        pipeline = client.pipeline(transaction=False)
        for key, value in batch:
            pipeline.set(f":1:{key}", pickle.dumps(value, pickle.HIGHEST_PROTOCOL), px=TIMEOUT_S * 1000)
        pipeline.execute()


def _raw_memcached(cache: Any, pairs: Pairs) -> None:
    for batch in _batches(pairs):
        cache._cache.set_multi({f":1:{key}": value for key, value in batch}, TIMEOUT_S)


def _raw_table(database: str, name: str) -> Callable[[Any, Pairs], None]:
    def write(cache: Any, pairs: Pairs) -> None:
        from django.db import connections

        expires = "2030-01-01 00:00:00"
        head = f"INSERT INTO {name} (cache_key, value, expires) VALUES "
        tail = " ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires"
        size = connections[database].features.max_query_params
        for start in range(0, len(pairs), step := size // 3 if size else BATCH):
            batch = pairs[start : start + step]
            values = [
                part
                for key, value in batch
                for part in (f":1:{key}", base64.b64encode(pickle.dumps(value)).decode("latin1"), expires)
            ]
            with connections[database].cursor() as cursor:
                cursor.execute(head + ", ".join(["(%s, %s, %s)"] * len(batch)) + tail, values)

    return write


def _entries(pairs: Pairs) -> Iterator[Any]:
    from django_hooks.warmers import CacheEntry

    for key, value in pairs:
        yield CacheEntry(key=key, value=value)


def _engine(verify: str, *, in_bulk: bool = False) -> Callable[[Any, Pairs], None]:
    def write(cache: Any, pairs: Pairs) -> None:
        from django.core.cache import caches

        from django_hooks.engine import Engine, RunOptions
        from django_hooks.warmers import KeyBatch, Warmer

        class Rows(Warmer):
            name = "rows"
            timeout = TIMEOUT_S
            alias = next(alias for alias in caches if caches[alias] is cache)

            def entries(self) -> Iterator[Any]:
                return _entries(pairs)

        class Bulk(Rows):
            def key_batches(self) -> Iterator[KeyBatch]:
                for batch in _batches(pairs):
                    yield KeyBatch(keys=[key for key, _ in batch], make=lambda batch=batch: _entries(batch))

        done = 0
        for batch in Engine(RunOptions(verify=verify)).batches([Bulk() if in_bulk else Rows()]):  # type: ignore[arg-type] # one of three
            done += sum(count for count, _ in batch.plain().values()) or len(list(batch.exceptional()))
        assert done == len(pairs), f"{done} of {len(pairs)} keys"

    return write


def _is_table(alias: str) -> bool:
    return alias in ("SQLite", "SQLite, WAL", "PostgreSQL")


RAW: Final = {
    "django-redis": _raw_redis,
    "redis": _raw_redis,
    "memcached": _raw_memcached,
    "SQLite": _raw_table("default", "cache_default"),
    "SQLite, WAL": _raw_table("wal", "cache_wal"),
    "PostgreSQL": _raw_table("pg", "cache_pg"),
}

if __name__ == "__main__":
    sys.exit(main())
