"""Warm every category of a large site, and count the queries of its customers' next requests, before and after.

``python -m benchmarks.crowd [USERS]`` (default 100,000, with 5,000 grants, 200,000 rows and 50,000 sessions in
proportion), on PostgreSQL, with Redis, Memcached and the database as cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.crowd_visits import ACCOUNT, DASHBOARD
from demo.deployment import manage
from tests import servers

WARMED = {
    ACCOUNT: {
        "django_session": "sessions",
        "accounts_profile": "rows",
        "orders_postalarea": "rows",
        "content_shopsettings": "rows",
        "accounts_pricelist": "computed",
        "catalogue_category": "fragments",
    },
    DASHBOARD: {
        "django_session": "sessions",
        "auth_permission": "permissions",
        "content_shopsettings": "rows",
        "orders_orderline": "computed",
        "catalogue_category": "fragments",
    },
}
"""Page → tables that a cold request asks there, and the category that makes it ask none."""

Env = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Size:
    users: int
    grants: int
    rows: int
    sessions: int

    @classmethod
    def of(cls, users: int) -> Size:
        return cls(users=users, grants=max(600, users // 20), rows=users * 2, sessions=users // 2)


@contextmanager
def sites(folder: Path, size: Size, postgres_url: str) -> Iterator[dict[str, Env]]:
    """Cache → environment of the seeded site on it; the servers run as long as the block."""
    with ExitStack() as stack:
        places = {name: folder / name for name in ("redis", "memcached")}
        for place in places.values():
            place.mkdir()
        redis = urlsplit(stack.enter_context(servers.redis(places["redis"])).url).netloc
        memcached = stack.enter_context(servers.memcached(places["memcached"], "-m", "2048"))
        base = {
            "EXAMPLE_DB": postgres_url,
            "WARM_SECRET": "x" * 40,
            "DJANGO_SETTINGS_MODULE": "benchmarks.crowd_settings",
            "EXAMPLE_CACHE_PREFIX": folder.name,
        }
        item_server = f"memcached://{memcached.host}:{memcached.port}"
        caches = {
            "redis": f"redis://{redis}/0",
            "memcached": item_server,
            "db": "db",
        }
        envs = {name: {**base, "EXAMPLE_CACHE": cache} for name, cache in caches.items()}
        manage("setup_example", "--products", "144", "--orders", "1500", "--reviews", "600", env=envs["db"])
        options = [f"--{name}={getattr(size, name)}" for name in ("users", "grants", "rows", "sessions")]
        manage("seed_crowd", *options, env=envs["db"])
        yield envs


def warm(env: Env, folder: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """The report of ``warm_cache`` in a process of its own, and the seconds and megabytes that it took."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "django", "warm_cache", "--report", str(report), "--progress", "none"]
    started_s = time.monotonic()
    # The shell's child is measured alone: this process has other children.
    script = f"import resource,subprocess,sys;subprocess.run({command!r},check=True,stdout=subprocess.DEVNULL);"
    script += "r=resource.getrusage(resource.RUSAGE_CHILDREN);print(r.ru_utime+r.ru_stime,r.ru_maxrss/1024)"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **env}, check=True, capture_output=True, text=True
    )
    cpu_s, peak_mb = map(float, done.stdout.split())
    return json.loads(report.read_text()), {
        "seconds": time.monotonic() - started_s,
        "cpu_s": cpu_s,
        "peak_mb": peak_mb,
    }


def visits(env: Env, count: int) -> dict[str, dict[str, int]]:
    """Page → table → how many statements named it; also ``status 200`` and the like → visits."""
    command = [sys.executable, "-m", "benchmarks.crowd_visits", str(count)]
    done = subprocess.run(command, env={**os.environ, **env}, check=True, capture_output=True, text=True)
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


def asked(found: Mapping[str, Mapping[str, int]]) -> dict[tuple[str, str], int]:
    """(page, table) → statements, of what can be warmed."""
    return {(page, table): found[page].get(table, 0) for page, tables in WARMED.items() for table in tables}


def main() -> int:
    size = Size.of(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    print(size)
    # A site's code was compiled before; here each command would do it anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crowd-")))
        (folder / "postgres").mkdir()
        postgres = stack.enter_context(servers.postgres(folder / "postgres"))
        for name, env in stack.enter_context(sites(folder, size, postgres.url)).items():
            # Before the run a few visits suffice, and each leaves entries behind that the run then finds.
            cold = visits(env, 20)
            report, first = warm(env, folder)
            hot = visits(env, 200)
            again, second = warm(env, folder)
            print(f"\n{name}: load {os.getloadavg()[0]:.1f}")
            for label, took, what in (("first run", first, report), ("second run", second, again)):
                counts = {k: what[k] for k in ("planned", "stored", "already_warm", "not_stored", "failed", "skipped")}
                print(
                    f"  {label}: {took['seconds']:.1f} s, CPU {took['cpu_s']:.1f} s, {took['peak_mb']:.0f} MB, {counts}"
                )
                print(f"    {what['outcome']} {counts} {what['reasons']}")
            print(f"  what is to be warm, statements of 20 customers cold: {asked(cold)}")
            print(f"  what is to be warm, statements of 200 customers warm: {asked(hot)}")
            print(f"  all tables, warm: {hot}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
