"""One Redis behind a relay, one site, one manifest; runs in processes that need not import everything anew."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from demo.deployment import PUBLIC_HOST, ROOT, Deployment
from tests import servers
from tests.conftest import SECRET
from url_manifests.manifest import Entry, Header, write_manifest

from .relay import Relay, relaying

URLS: Final = ["/en/", "/de/", "/en/delivery/", "/en/offers/", "/en/sale/", "/de/offers/", "/de/delivery/"]
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
SITE: Final = ("EXAMPLE_DB", "EXAMPLE_CACHE", "EXAMPLE_CACHE_PREFIX", "WARM_SECRET")
TOTALS: Final = ("stored", "already_warm", "not_stored", "failed", "skipped", "unverifiable")

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["crawler.commands.crawl", "crawler.settings", "crawler.download", "scrapy.cmdline", "django.core.management"]
)


def _run(argv: list[str], folder: Path, environ: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    with (folder / "output.log").open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    sys.argv = argv
    if argv[0] == "scrapy":
        from scrapy.cmdline import execute

        execute(argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(argv)


@dataclass
class Done:
    """How a run ended."""

    code: int
    report: dict[str, Any]
    output: str
    took_s: float


@dataclass
class Stage:
    """The site, what it depends on, and the two commands."""

    site: Deployment
    redis: Redis
    server: servers.Server
    relay: Relay
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    reference: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """What visitors get from the healthy site."""

    def start(self, kind: str, *more: str, **variables: str) -> multiprocessing.process.BaseProcess:
        argv = {
            "crawl": ["scrapy", "crawl", "warm", "-a", "env=test", "-a", "verify=none", "-a", "report=report.json"],
            "command": [
                *("manage.py", "warm_cache", "--report", "report.json", "--progress", "none", "--deadline", "12"),
                *("--cache-wait", "6"),
            ],
        }[kind]
        (self.folder / "report.json").unlink(missing_ok=True)
        process = _FORKS.Process(
            target=_run, args=([*argv, *more], self.folder, {**os.environ, **self.environ, **variables})
        )
        process.start()
        return process

    def finish(self, process: multiprocessing.process.BaseProcess, within_s: float = 45) -> Done:
        started_s = time.monotonic()
        process.join(within_s)
        output = (self.folder / "output.log").read_text()
        if process.exitcode is None:
            process.kill()
            process.join()
            pytest.fail(f"did not end within {within_s} s:\n{output[-3000:]}")
        path = self.folder / "report.json"
        report = json.loads(path.read_text()) if path.exists() else {}
        return Done(process.exitcode, report, output, time.monotonic() - started_s)

    def restart(self, **more: str) -> None:
        """The same release again, with these settings and no others."""
        self.site.stop()
        self.site.env = {name: self.environ[name] for name in SITE} | more
        self.site.start()

    @contextmanager
    def watched(self, path: str = "/healthz/", slowest_s: float = 8.0) -> Iterator[None]:
        """Have somebody ask all the time for what needs nothing that is broken: they must be answered meanwhile."""
        ended, seen = threading.Event(), list[tuple[int, float]]()

        def visit() -> None:
            while not ended.wait(0.3):
                began_s = time.monotonic()
                status, _ = self.visit(path)
                seen.append((status, time.monotonic() - began_s))

        thread = threading.Thread(target=visit)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        assert {status for status, _ in seen} == {200}
        assert max(took_s for _, took_s in seen) < slowest_s

    def heal(self) -> None:
        """End what a fault left behind when a test failed in the middle of it: the next test must not fail for it."""
        os.kill(self.server.pid, signal.SIGCONT)
        with suppress(ResponseError):
            self.redis.execute_command("SCRIPT", "KILL")
        self.redis.execute_command("REPLICAOF", "NO", "ONE")
        self.relay.heal()

    def visit(self, url: str) -> tuple[int, bytes]:
        """Status and body, without the tokens that differ each time."""
        request = urllib.request.Request(self.site.base_url + url, headers={"Host": PUBLIC_HOST, "User-Agent": AGENT})
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=20) as response:
                return int(response.status), re.sub(rb'"[A-Za-z0-9]{64}"', b"", response.read())
        except urllib.error.HTTPError as error:
            return error.code, b""

    def assert_unharmed(self, done: Done) -> None:
        """What has to be true after a run under whatever fault, once that is over."""
        assert done.report["exit_code"] == done.code
        assert done.report["planned"] == sum(done.report[result] for result in TOTALS) > 0
        assert "Traceback" not in done.output, done.output[-2500:]
        # Visitors are served, and what they get from the cache is what they would get without.
        assert {url: self.visit(url) for url in URLS} == self.reference
        # What is there has an end.
        assert all(self.redis.ttl(key) != -1 for key in self.redis.scan_iter())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        return None


@contextmanager
def staged(folder: Path, database: str) -> Iterator[Stage]:
    """The site on this database, with a Redis behind a relay."""
    shutil.copy(ROOT / "scrapy.cfg", folder)
    write_manifest(
        folder / "manifest.jsonl",
        Header(entries=len(URLS), profiles={"chrome": {"User-Agent": AGENT}}),
        [Entry(url=url, hits=10) for url in URLS],
    )
    with servers.redis(folder, "--enable-debug-command", "yes") as server, relaying(server.port) as relay:
        # A visitor's page must not wait longer for the cache than it takes to do without.
        options = "socket_timeout=1&socket_connect_timeout=1"
        env = {
            "EXAMPLE_DB": database,
            "EXAMPLE_CACHE": f"redis://127.0.0.1:{relay.port}/0?{options}",
            "EXAMPLE_CACHE_PREFIX": "faults",
            "WARM_SECRET": SECRET,
        }
        (folder / ".env.test").touch()
        with Deployment(env=env, workers=2, log=folder / "server.log") as site:
            warm = {
                "WARM_BASE_URL": site.base_url,
                "WARM_PUBLIC_URL": f"http://{PUBLIC_HOST}",
                "WARM_MANIFEST": "manifest.jsonl",
                "WARM_READY_URL": "/healthz/",
                "WARM_READY_TIMEOUT": "5",
                "WARM_TIMEOUT": "3",
                "WARM_DEADLINE": "25",
                "WARM_CACHE_WAIT": "6",
                "WARM_RATE": "0",
                "WARM_REQUIRE_COVERAGE": "0.9",
                "PYTHONPATH": str(ROOT),
                "DJANGO_SETTINGS_MODULE": "example.settings",
            }
            stage = Stage(site, Redis(port=server.port), server, relay, folder, {**env, **warm})
            stage.reference = {url: stage.visit(url) for url in URLS}
            assert {status for status, _ in stage.reference.values()} <= {200, 302}
            yield stage


@pytest.fixture(scope="module")
def stage(seeded_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("faults")
    with staged(folder, str(shutil.copy(seeded_database, folder / "db.sqlite3"))) as stage:
        yield stage


@pytest.fixture(params=["crawl", "command"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
