"""A fake site, a project folder, and the command as its users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.outcomes import Outcome, OutcomeReader
from url_manifests.traces import KeyEvent, KeyKind, Trace, TracedKey

from .fake_site import SECRET, FakeSite, serving

ROOT = Path(__file__).resolve().parents[2]

CHROME = {
    "sec-ch-ua": '"Chromium";v="142", "Not_A Brand";v="99"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0",
    "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.9",
}
SAFARI = {"User-Agent": "Mozilla/5.0 (Macintosh) Safari/605.1.15", "Accept-Language": "de-DE"}


@pytest.fixture
def site() -> Iterator[FakeSite]:
    with serving(FakeSite()) as running:
        yield running


@dataclass
class Project:
    """A user's folder: a scrapy.cfg, a .env.test, a manifest, and nothing of this repository."""

    folder: Path

    def write_env(self, name: str = ".env.test", **values: Any) -> None:
        lines = [f"WARM_{field.upper()}={value}" for field, value in values.items()]
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def write_entries(self, entries: Sequence[Entry]) -> None:
        profiles = {"chrome": CHROME, "safari": SAFARI}
        header = Header(entries=len(entries), profiles=profiles)
        write_manifest(self.folder / "url_manifests" / "test.jsonl", header, entries)

    def write_urls(self, *urls: str) -> None:
        self.write_entries([Entry(url=url, hits=10) for url in urls])

    @property
    def report(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "var/warm/test/report.json").read_text())
        return document

    @property
    def outcomes(self) -> list[Outcome]:
        return list(OutcomeReader(self.folder / "var/warm/test/outcomes.jsonl"))

    def command(self, *arguments: str) -> list[str]:
        options = [part for argument in arguments for part in ("-a", argument)]
        # Most tests count requests; those of the late check ask for it.
        return [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=test", "-a", "verify=none", *options]

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=clean_environ() | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def crawl(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environ)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def clean_environ() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WARM_", "SCRAPY_"))}
    return inherited | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}


@pytest.fixture
def empty_project(tmp_path: Path) -> Project:
    (tmp_path / "scrapy.cfg").write_text("[settings]\ndefault = crawler.settings\n")
    return Project(tmp_path)


@pytest.fixture
def project(empty_project: Project, site: FakeSite) -> Project:
    empty_project.write_env(
        base_url=site.url, secret=SECRET, ready_url="/healthz", rate=0, ready_timeout=5, timeout=3, max_bytes=100_000
    )
    empty_project.write_urls("/page/1/")
    return empty_project


@pytest.fixture
def page_hit_trace() -> Trace:
    return Trace(keys=(TracedKey(alias="default", key="page", event=KeyEvent.HIT, kind=KeyKind.PAGE),))
