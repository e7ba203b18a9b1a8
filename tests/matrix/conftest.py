"""For each backend both sites run, are crawled once each, and are then visited; the tests only look at what came."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.deployment import ROOT, Deployment
from tests.browsers import Answer, ask, headers_of_chromium
from tests.conftest import SECRET
from tests.servers import Server
from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.outcomes import Outcome, OutcomeReader
from url_manifests.personas import Personas, write_personas
from url_manifests.profiles import PROFILES

from .rows import BASIC_AUTH, BROWSERS, PERSONA, ROWS, SESSION_A, SESSION_B, SHOP, VAULT, Row
from .visiting import Chromium, chromium_at

BACKENDS = {"db": "gunicorn", "redis": "uvicorn", "redis-builtin": "gunicorn", "memcached": "uvicorn"}
"""Backend → the server before it: both servers with a backend of each kind."""
SITES = {
    "shop": {"public_url": f"http://{SHOP}"},
    "vault": {"public_url": f"https://{VAULT}", "proxy_scheme_header": "X-Scheme: {scheme}"},
}

Headers = Mapping[str, str]
Case = tuple[str, str]
"""The name of a row, and a browser."""


@pytest.fixture(scope="package")
def browsers(chromium: str) -> dict[str, Headers]:
    """Browser → what it sends."""
    own = headers_of_chromium(chromium)
    own = {name: value for name, value in own.items() if name not in ("Host", "Connection")}
    return {"chromium": own, "firefox": PROFILES["firefox"], "safari": PROFILES["safari"]}


@dataclass
class Run:
    """Both sites of one backend, and all that was found out about them."""

    folder: Path
    cache: str
    server: str
    browsers: Mapping[str, Headers]
    outcomes: dict[Case, Outcome] = field(default_factory=dict)
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Site → what the cross-check found right after its crawl."""
    visits: dict[Case, Answer] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    sessions: Sequence[str] = ()

    def env(self, site: str) -> dict[str, str]:
        """The site's settings."""
        return {
            "MATRIX_DB": str(self.folder / "db.sqlite3"),
            "MATRIX_CACHE": self.cache,
            "MATRIX_SITE": site,
            "WARM_SECRET": SECRET,
        }

    def deployment(self, site: str) -> Deployment:
        log = self.folder / f"{site}.log"
        return Deployment(env=self.env(site), server=self.server, workers=1, log=log, package="tests.matrix.site")

    def manage(self, *arguments: str) -> str:
        """Run something inside of the site's settings; what it printed."""
        return _python("-m", "tests.matrix.site", *arguments, cwd=ROOT, env=self.env("shop")).stdout

    def crawl(self, site: str, *, by_doorkeeper: bool = False, **variables: str) -> subprocess.CompletedProcess[str]:
        """Crawl all rows of a site at once that are warmed in this way, in a project folder of its own."""
        folder = self.folder / site
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / "scrapy.cfg", folder)
        rows = [row for row in ROWS if row.site == site and (row.warmed_by == "doorkeeper") is by_doorkeeper]
        self._write_manifest(folder / "manifest.jsonl", rows)
        hour = datetime.now(UTC) + timedelta(hours=1)
        personas = Personas(cookie="sessionid", expires_at=hour, sessions={PERSONA: self.sessions[0]})
        write_personas(folder / "personas.json", personas)
        values = {
            "base_url": f"http://127.0.0.1:{self.ports[site]}",
            "secret": SECRET,
            "manifest": "manifest.jsonl",
            "personas": "personas.json",
            "ready_url": "/plain/ready/",
            "rate": "0",
            # One page moves a key version with each request: what that does must not depend on what else is under way.
            "concurrency": "1",
            "verify": "none",
            **SITES[site],
            **variables,
        }
        (folder / ".env.test").write_text("".join(f"WARM_{name.upper()}={value}\n" for name, value in values.items()))
        return _python("-m", "scrapy", "crawl", "warm", "-a", "env=test", cwd=folder, check=False)

    def _write_manifest(self, path: Path, rows: Sequence[Row]) -> None:
        cases = [(row, browser) for row in rows if row.is_in_manifest for browser in BROWSERS]
        profiles = {f"{row.name}.{browser}": _merged(self.browsers[browser], row.warmed_with) for row, browser in cases}
        entries = [
            Entry(
                url=row.url(browser),
                host=row.host,
                hits=10,
                variants={f"{row.name}.{browser}": 1.0},
                signed_in=1.0 if row.warmed_by == "persona" else 0.0,
            )
            for row, browser in cases
        ]
        write_manifest(path, Header(entries=len(entries), profiles=profiles), entries)

    def read_outcomes(self, site: str) -> None:
        for outcome in OutcomeReader(self.folder / site / "var" / "warm" / "test" / "outcomes.jsonl"):
            name, _, browser = outcome.profile.partition(".")
            self.outcomes[name, browser] = outcome

    def cross_check(self, site: str) -> None:
        path = self.folder / site / "var" / "warm" / "test" / "outcomes.jsonl"
        printed = _python("-m", "tests.matrix.site", "check", str(path), cwd=ROOT, env=self.env(site)).stdout
        self.checks[site] = json.loads(printed)

    def warm_otherwise(self) -> None:
        """Warm the pages of the rows that do it in ways that the crawler does not."""
        by_client = [row for row in ROWS if row.warmed_by == "client"]
        self.manage("client", SHOP, *(row.url(browser) for row in by_client for browser in BROWSERS))
        for row in ROWS:
            for browser in BROWSERS if row.warmed_by == "head" else ():
                ask(self.ports[row.site], row.host, row.url(browser), self.browsers[browser], "HEAD")

    def visit(self, row: Row, chromium: Chromium) -> None:
        """One visitor with each browser."""
        port, host = self.ports[row.site], row.visit_host or row.host
        if row.before_visit:
            ask(port, row.host, row.before_visit, {})
        extra = {name: self._with_session(value) for name, value in row.visit_headers.items()}
        for browser in BROWSERS:
            url = row.visited_url(browser)
            if browser == "chromium":
                self.visits[row.name, browser] = chromium.ask(host, url, extra)
            else:
                self.visits[row.name, browser] = ask(port, host, url, _merged(self.browsers[browser], extra))

    def _with_session(self, value: str) -> str:
        for name, session in zip((SESSION_A, SESSION_B), self.sessions, strict=True):
            value = value.replace(name, f"sessionid={session}")
        return value


@pytest.fixture(scope="package", params=list(BACKENDS))
def run(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    browsers: Mapping[str, Headers],
    chromium: str,
) -> Iterator[Run]:
    """Everything of one backend, done."""
    run = Run(tmp_path_factory.mktemp("matrix"), _cache(request), BACKENDS[request.param], browsers)
    run.sessions = run.manage("setup").split()
    with ExitStack() as stack:
        for site in SITES:
            run.ports[site] = stack.enter_context(run.deployment(site)).port
        for site in SITES:
            crawled = run.crawl(site, require_coverage="0")
            assert crawled.returncode == 0, crawled.stderr
            run.read_outcomes(site)
            run.cross_check(site)
        crawled = run.crawl("shop", by_doorkeeper=True, basic_auth=BASIC_AUTH)
        assert crawled.returncode == 0, crawled.stderr
        run.read_outcomes("shop")
        run.warm_otherwise()
        with chromium_at(chromium, run.ports) as browser:
            for row in ROWS:
                run.visit(row, browser)
        yield run


def _cache(request: pytest.FixtureRequest) -> str:
    if request.param == "db":
        return "db"
    server: Server = request.getfixturevalue("memcached_server" if request.param == "memcached" else "redis_server")
    # The two Redis backends pickle alike and may meet each other's keys: each has a database of its own.
    url = server.url.removesuffix("/0") + "/1" if request.param == "redis-builtin" else server.url
    return url.replace("redis://", f"{request.param}://")


def _merged(headers: Headers, others: Headers) -> dict[str, str]:
    """Headers with others in place of those of the same name, whatever their case."""
    folded = {name.lower() for name in others}
    return {**{name: value for name, value in headers.items() if name.lower() not in folded}, **others}


def _python(
    *arguments: str, cwd: Path, env: Headers | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("WARM_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**outer, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=check,
    )
