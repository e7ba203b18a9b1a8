"""What a page loads later, warmed by a real crawl of a real site: htmx finds it, in the page's variant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from demo.deployment import ROOT, Deployment
from tests.browsers import ask
from tests.conftest import SECRET
from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.profiles import PROFILES

from .conftest import Pipeline

HOST = "www.shop.localhost"
BROWSERS = ("chrome", "safari")


def test_htmx_finds_what_the_crawl_discovered(pipeline: Pipeline, tmp_path: Path) -> None:
    env = {"MATRIX_DB": str(tmp_path / "db.sqlite3"), "MATRIX_CACHE": "db", "WARM_SECRET": SECRET}
    setup = [sys.executable, "-m", "tests.matrix.site", "setup"]
    subprocess.run(setup, cwd=ROOT, env={**os.environ, **env}, check=True, capture_output=True)
    entry = Entry(url="/loading/a/", hits=10, variants=dict.fromkeys(BROWSERS, 0.5))
    header = Header(entries=1, profiles={name: PROFILES[name] for name in BROWSERS})
    write_manifest(pipeline.folder / "manifest.jsonl", header, [entry])
    site = Deployment(env=env, server="gunicorn", workers=1, log=tmp_path / "log", package="tests.matrix.site")
    with site:
        pipeline.write_env(base_url=site.base_url, public_url=f"http://{HOST}", ready_url="/plain/ready/", rate="0")
        pipeline.write_env(secret=SECRET, manifest="manifest.jsonl", discover="fragments", verify="all")
        crawled = pipeline.crawl()
        assert crawled.returncode == 0, crawled.stderr
        lines = pipeline.outcome_lines()
        assert [(line["url"], line["profile"], line.get("found_in", "")) for line in lines] == [
            *(("/loading/a/", name, "") for name in BROWSERS),
            *(("/part/a/", name, "/loading/a/") for name in BROWSERS),
        ]
        assert pipeline.report()["discovered"] == {"htmx": 2}
        for name in BROWSERS:
            own = {key: value for key, value in PROFILES[name].items() if key not in ("Accept", "Sec-Fetch-User")}
            htmx = {**own, "Accept": "*/*", "HX-Request": "true", "HX-Current-URL": f"http://{HOST}/loading/a/"}
            answer = ask(site.port, HOST, "/part/a/", htmx)
            assert (answer.is_hit, answer.body) == (True, "Loaded by htmx")
        # A visitor who opens the fragment by itself gets another page, which nobody asked for yet.
        assert not ask(site.port, HOST, "/part/a/", PROFILES["chrome"]).is_hit
