"""The pipeline's steps as subprocesses in a folder of their own, the way a deploy runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from demo.deployment import PUBLIC_HOST, ROOT, manage
from tests.conftest import SECRET, Site

PUBLIC_URL = f"http://{PUBLIC_HOST}"


@dataclass
class Pipeline:
    """One deploy's warming stage: an access log, a manifest, a crawl, a cross-check; all files in ``folder``."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    """The content of ``.env.test``."""

    def write_env(self, **variables: str) -> None:
        """Write ``.env.test``; the names get their ``WARM_`` prefix here."""
        self.env |= {f"WARM_{name.upper()}": value for name, value in variables.items()}
        (self.folder / ".env.test").write_text("".join(f"{name}={value}\n" for name, value in self.env.items()))

    def aim_at(self, site: Site, **variables: str) -> None:
        """Point ``.env.test`` at a running site."""
        defaults = {"secret": SECRET, "manifest": "manifest.jsonl", "ready_url": "/healthz/", "rate": "0"}
        self.write_env(
            **{"base_url": site.base_url, "public_url": PUBLIC_URL, "ready_timeout": "5", **defaults, **variables}
        )

    def write_log(self, targets: list[str]) -> None:
        """Write an access log in which the first target is the hottest."""
        agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
        with (self.folder / "access.log").open("w") as log:
            for rank, target in enumerate(targets):
                for hit in range(len(targets) - rank):
                    time = f"20/Nov/2026:10:{rank % 60:02}:{hit % 60:02} +0000"
                    log.write(f'192.0.2.{hit % 250} - - [{time}] "GET {target} HTTP/1.1" 200 5120 "-" "{agent}"\n')

    def build(self) -> subprocess.CompletedProcess[str]:
        """Build the manifest from the log."""
        command = [sys.executable, "-m", "url_manifests", "build", "access.log", "-o", "manifest.jsonl"]
        return self._run(command)

    def crawl(self, **arguments: str) -> subprocess.CompletedProcess[str]:
        """``scrapy crawl warm -a env=test -a …``."""
        options = [word for name, value in arguments.items() for word in ("-a", f"{name}={value}")]
        return self._run([sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=test", *options])

    def cross_check(self, site: Site, *options: str) -> subprocess.CompletedProcess[str]:
        """``manage.py warm_cache --cross-check`` over the crawl's outcomes, correcting its report."""
        paths = ["--cross-check", str(self.outcomes), "--report", str(self.folder / "checked.json")]
        return manage("warm_cache", *paths, *options, env=site.env, check=False)

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        env: Mapping[str, str] = {name: value for name, value in os.environ.items() if not name.startswith("WARM_")}
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=170, check=False
        )

    @property
    def outcomes(self) -> Path:
        return self.folder / "var" / "warm" / "test" / "outcomes.jsonl"

    def report(self, name: str = "var/warm/test/report.json") -> dict[str, Any]:
        """A report that one of the steps wrote."""
        document: dict[str, Any] = json.loads((self.folder / name).read_text())
        return document

    def outcome_lines(self) -> list[dict[str, Any]]:
        """The crawl's outcomes, as plain data."""
        return [json.loads(line) for line in self.outcomes.read_text().splitlines()[1:]]


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    folder = tmp_path / "pipeline"
    folder.mkdir()
    shutil.copy(ROOT / "scrapy.cfg", folder)
    return Pipeline(folder)
