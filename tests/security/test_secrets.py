"""No secret in anything that a run prints, logs, writes, or shows to other processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import pytest

from demo.deployment import ROOT, manage
from example.accounts.people import PASSWORD
from tests.conftest import SECRET
from tests.crawler.conftest import Project
from tests.crawler.fake_site import SECRET as FAKE_SECRET
from tests.crawler.fake_site import FakeSite
from tests.flow.conftest import Pipeline, pipeline  # noqa: F401 - a fixture
from url_manifests.personas import read_personas

BEARER = "bearer-token-0123456789-abcdef"
BASIC = "keeper:basic-password-0123456789"
SECRET_KEY = "a-secret-key-of-the-site-" + "k" * 30
SESSION_KEYS = "from django.contrib.sessions.models import Session as S; print(*(s.pk for s in S.objects.all()))"
TICKET = re.compile(rb"1\.[\w-]{1,64}\.(?:warm|hello)\.\d{9,12}\.[0-9a-f]{16,64}")


def leaks(texts: Iterable[tuple[str, bytes]], secrets: Iterable[str]) -> list[str]:
    """Which secret stands where; a part of one is one too."""
    wanted = {secret[:24].encode() for secret in secrets}
    return [
        f"{where}: {found!r}"
        for where, text in texts
        for found in [*(secret for secret in wanted if secret in text), *TICKET.findall(text)]
    ]


def files(folder: Path, *without: str) -> Iterator[tuple[str, bytes]]:
    """Everything that was written below a folder, but what people put there."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in without:
            yield path.name, path.read_bytes()


class Onlooker(threading.Thread):
    """Another user of the machine, who reads the arguments of every process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue  # It has ended meanwhile.

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join(5)


def test_a_run_with_everything_tells_nothing(start_site, redis_server, pipeline: Pipeline):  # noqa: F811
    """Personas, a doorkeeper's token, log level DEBUG, crawl, command and cross-check."""
    site = start_site(cache=redis_server.url, EXAMPLE_SECRET_KEY=SECRET_KEY)
    sessions = pipeline.folder / "sessions.json"
    manage("warm_personas", "mint", "-o", str(sessions), env=site.env)
    secrets = [SECRET, SECRET_KEY, BEARER, *read_personas(sessions).sessions.values()]
    pipeline.write_log(["/en/", "/en/delivery/", "/en/contact/", "/en/nowhere/", "/en/sale/"])
    assert pipeline.build().returncode == 0
    pipeline.aim_at(site, personas="sessions.json", bearer=BEARER, require_coverage="0")
    crawl = [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=test", "-L", "DEBUG"]
    report = ["--report", str(pipeline.folder / "warmed.json"), "--require-coverage", "0.01"]
    with Onlooker() as onlooker:
        crawled = subprocess.run(crawl, cwd=pipeline.folder, capture_output=True, timeout=120, check=False)
        warmed = manage("warm_cache", *report, "--verbosity", "3", env=site.env, check=False)
        checked = pipeline.cross_check(site, "--require-coverage", "0.01", "--verbosity", "3")
    assert crawled.returncode == 0, crawled.stderr
    assert (warmed.returncode, checked.returncode) == (0, 0), warmed.stderr + checked.stderr
    printed = [crawled.stdout, crawled.stderr]
    printed += [text.encode() for done in (warmed, checked) for text in (done.stdout, done.stderr)]
    assert any(b"DEBUG" in text for text in printed)
    said = [("printed", text) for text in printed]
    shown = [("arguments", arguments) for arguments in onlooker.seen]
    assert any(b"scrapy" in arguments for _, arguments in shown)
    written = [*files(pipeline.folder, ".env.test", "sessions.json"), *files(site.deployment.log.parent, "db.sqlite3",
               "db.sqlite3-wal", "db.sqlite3-shm")]  # fmt: skip
    assert {"outcomes.jsonl", "report.json", "server.log", "manifest.jsonl"} <= {name for name, _ in written}
    assert leaks([*said, *shown, *written], secrets) == []


def test_a_run_that_signs_in_tells_nothing(start_site, pipeline: Pipeline):  # noqa: F811
    """Neither password nor session, at log level DEBUG, in a run that goes well."""
    site = start_site()
    pipeline.write_log(["/en/", "/en/delivery/"])
    assert pipeline.build().returncode == 0
    accounts = json.dumps({"trade": ["persona-trade", PASSWORD]})
    pipeline.aim_at(site, sign_in_url="/en/account/login/", sign_in_as=accounts, require_coverage="0")
    crawl = [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=test", "-L", "DEBUG"]
    with Onlooker() as onlooker:
        crawled = subprocess.run(crawl, cwd=pipeline.folder, capture_output=True, timeout=120, check=False)
    assert crawled.returncode == 0, crawled.stderr
    assert b"DEBUG" in crawled.stderr
    shown = manage("shell", "-c", SESSION_KEYS, env=site.env).stdout.splitlines()[-1].split()
    texts = [("stdout", crawled.stdout), ("stderr", crawled.stderr), *files(pipeline.folder, ".env.test")]
    texts += [("arguments", arguments) for arguments in onlooker.seen]
    texts += [("server.log", site.deployment.log.read_bytes())]
    assert shown
    assert leaks(texts, [SECRET, PASSWORD, *shown]) == []


@pytest.mark.parametrize("keeper", [{"bearer": BEARER}, {"basic_auth": BASIC}])
def test_a_program_that_breaks_shows_none_in_its_traceback(project: Project, site: FakeSite, keeper: dict[str, str]):
    """The breakage prints whatever it gets hold of: run, settings, requests."""
    (project.folder / "broken.py").write_text(
        "from crawler.settings import *\n"
        "from crawler.record import RecordOutcomes\n"
        "class Broken(RecordOutcomes):\n"
        "    def process_item(self, item):\n"
        "        run = next(value for value in vars(self).values() if hasattr(value, 'config'))\n"
        "        raise RuntimeError(f'{vars(run)} {run.config} {run.target} {run.visitors}')\n"
        "ITEM_PIPELINES = {Broken: 500}\n"
    )
    (project.folder / "scrapy.cfg").write_text("[settings]\ndefault = broken\n")
    project.write_env(base_url=site.url, secret=FAKE_SECRET, ready_url="/healthz", rate=0, **keeper)
    command = [*project.command(), "-L", "DEBUG"]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{project.folder}"}
    done = subprocess.run(command, cwd=project.folder, env=environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert b"Traceback" in done.stderr
    assert b"WarmConfig(" in done.stderr
    texts = [("stderr", done.stderr), ("stdout", done.stdout), *files(project.folder, ".env.test")]
    encoded = "a2VlcGVyOmJhc2ljLXBhc3N3b3JkLTAx"  # BASIC, as it is sent
    assert leaks(texts, [FAKE_SECRET, BEARER, BASIC.partition(":")[2], encoded]) == []


@pytest.mark.parametrize("name", ["secret", "bearer", "basic_auth", "sign_in_as"])
def test_secrets_are_no_arguments(project: Project, site: FakeSite, name: str):
    result = project.crawl(f"{name}={FAKE_SECRET}")
    assert result.returncode == 2
    assert leaks([("stderr", result.stderr.encode())], [FAKE_SECRET]) == []
    assert site.seen == []


def test_a_wrong_secret_is_not_shown_in_the_complaint(project: Project):
    project.write_env(base_url="http://127.0.0.1:9", secret="short-secret-of-mine")
    result = project.crawl()
    assert result.returncode == 2
    assert leaks([("stderr", result.stderr.encode())], ["short-secret-of-mine"]) == []


def test_nothing_of_the_lock_file_tells(project: Project, site: FakeSite):
    """While the run goes on: afterwards it is empty."""
    site.latency_s = 0.3
    project.write_urls(*(f"/page/{number}/" for number in range(40)))
    process = project.start()
    deadline_s = time.monotonic() + 20
    while not site.paths and time.monotonic() < deadline_s:
        time.sleep(0.1)
    texts = list(files(project.folder, ".env.test"))
    process.terminate()
    process.communicate(timeout=20)
    assert any("lock" in name for name, _ in texts), [name for name, _ in texts]
    assert leaks(texts, [FAKE_SECRET]) == []
