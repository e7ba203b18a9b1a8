"""A site's commands and workers as real processes, on a real database, cache and queue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from tests.conftest import SECRET

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Fleet:
    """One site."""

    folder: Path
    database: str
    cache: str
    settings: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        settings = {"LOCK_FILE": str(self.folder / "lock"), **self.settings}
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.django_hooks.fleet.settings",
            "EXAMPLE_DB": self.database,
            "EXAMPLE_CACHE": self.cache,
            "EXAMPLE_CACHE_PREFIX": self.folder.name,
            "FLEET": json.dumps(settings),
            "WARM_SECRET": SECRET,
            **self.env,
        }

    def start(self, *args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "django", *args]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=ROOT, env=self.environment(), text=True, **pipes)

    def manage(self, *args: str) -> subprocess.CompletedProcess[str]:
        with self.start(*args) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def start_warming(self, *args: str) -> subprocess.Popen[str]:
        return self.start("warm_cache", "--only", "fleet", "--report", str(self.report_path), "--progress=none", *args)

    def warm(self, *args: str) -> tuple[int, dict[str, Any]]:
        """Exit code and report."""
        with self.start_warming(*args) as process:
            _, errors = process.communicate(timeout=120)
        assert self.report_path.exists(), errors
        return process.returncode, self.report()

    @property
    def report_path(self) -> Path:
        return self.folder / "report.json"

    def report(self) -> dict[str, Any]:
        return json.loads(self.report_path.read_text())

    def stored(self) -> int:
        """Keys that are in the cache right now."""
        with redis.Redis.from_url(self.cache) as server:
            return sum(1 for _ in server.scan_iter(f"{self.folder.name}:*fleet:[0-9]*", count=1000))

    @contextmanager
    def workers(self, count: int) -> Iterator[list[subprocess.Popen[str]]]:
        options = ("--interval", "0.2", "--no-startup-delay", "--no-reload")
        processes = [self.start("db_worker", *options) for _ in range(count)]
        try:
            for process in processes:
                _wait_for_start(process)
            yield processes
        finally:
            for process in processes:
                process.kill()
                process.communicate()


def _wait_for_start(worker: subprocess.Popen[str]) -> None:
    seen = ""
    while "Starting worker" not in seen:
        line = worker.stderr.readline()
        assert line, f"the worker ended: {seen}"
        seen += line
