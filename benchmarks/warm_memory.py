"""Peak memory of ``warm_cache`` with a million rows of 1 KB, in each mode: ``python -m benchmarks.warm_memory [rows]``.

PostgreSQL holds the table, Redis the cache. The peak of each process (the kernel's own figure) is compared with that of
the same command when it has nothing to warm. In mode ``tasks`` two workers share the table, and each has its own line.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests import servers

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
_FILL = """
INSERT INTO million_row (text)
SELECT string_agg(md5(row::text || '-' || part::text), '' ORDER BY part)
FROM generate_series(1, {rows}) AS row, generate_series(1, 32) AS part GROUP BY row
"""
_MEASURED = """
import resource, sys
from django.core.management import execute_from_command_line
try:
    execute_from_command_line(sys.argv)
finally:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    with open(OUT, "w") as stream:
        print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=stream)
"""


class Site:
    """The commands of the site."""

    def __init__(self, folder: Path, database: str, cache: str) -> None:
        self._folder = folder
        self._env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.million.settings",
            "MILLION_DB": database,
            "MILLION_CACHE": cache,
            "MILLION_LOCK": str(folder / "lock"),
        }
        self._count = 0

    def start(self, *args: str) -> tuple[subprocess.Popen[bytes], Path]:
        self._count += 1
        usage = self._folder / f"usage{self._count}"
        code = _MEASURED.replace("OUT", repr(str(usage)))
        return subprocess.Popen([sys.executable, "-c", code, *args], env=self._env), usage

    def run(self, *args: str) -> tuple[float, float, float]:
        """MB at the peak, processor seconds, wall-clock seconds."""
        began_s = time.monotonic()
        process, usage = self.start(*args)
        process.wait()
        return (*read(usage), time.monotonic() - began_s)


def read(usage: Path) -> tuple[float, float]:
    peak_kb, seconds = usage.read_text().split()
    return float(peak_kb) / 1024, float(seconds)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    table = Table(title=f"{ROWS:,} rows of 1 KB, PostgreSQL to Redis, each written and read back")
    for column in ("run", "peak", "over idle", "processor time", "wall clock"):
        table.add_column(column, justify="right" if table.columns else "left")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        (folder / "pg").mkdir()
        postgres = stack.enter_context(servers.postgres(folder / "pg"))
        redis = stack.enter_context(servers.redis(folder, "--loglevel", "warning"))
        site = Site(folder, postgres.url, f"redis://{redis.host}:{redis.port}/0")
        time.sleep(1)
        site.run("migrate", "-v", "0", "--run-syncdb")
        fill(postgres.url)
        warm = ("warm_cache", "--progress", "none", "--only")
        idle_mb, *_ = site.run(*warm, "streamed", "--key", "nothing*", "--deadline", "0.001", "--require-coverage", "0")

        def show(name: str, peak_mb: float, cpu_s: float, wall_s: float | None) -> None:
            wall = "" if wall_s is None else f"{wall_s:.0f} s"
            table.add_row(name, f"{peak_mb:.0f} MB", f"{peak_mb - idle_mb:.0f} MB", f"{cpu_s:.0f} s", wall)

        show("nothing to warm", idle_mb, 0, None)
        for name, args in (
            ("sync", ("streamed",)),
            ("sync, all there already", ("streamed",)),
            ("async, async def", ("awaited", "--mode", "async", "--refresh")),
        ):
            show(name, *site.run(*warm, *args))
        workers = [site.start("db_worker", "--interval", "0.2", "--no-reload", "-v", "0") for _ in "ab"]
        show("tasks: the command", *site.run(*warm, "streamed", "--mode", "tasks", "--refresh"))
        for number, (process, usage) in enumerate(workers, start=1):
            process.terminate()
            process.wait()
            show(f"tasks: worker {number}", *read(usage), None)
    Console().print(table)


def fill(url: str) -> None:
    import psycopg  # noqa: PLC0415 - a development dependency

    with psycopg.connect(url) as connection:
        connection.execute(_FILL.format(rows=ROWS).encode())


if __name__ == "__main__":
    main()
