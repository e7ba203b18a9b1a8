"""The kill switch against a real site and a real crawl: the run is over within two seconds, visitors are served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request

from demo.deployment import ROOT
from tests.flow.conftest import Pipeline, pipeline  # noqa: F401 - a fixture

STOP = (
    "import django; django.setup(); from django_hooks.killswitch import stop_runs; stop_runs('the database is melting')"
)


def test_a_stop_ends_a_run_within_two_seconds(start_site, redis_server, pipeline: Pipeline):  # noqa: F811
    site = start_site(cache=redis_server.url)
    pipeline.write_log([f"/en/search/?q=word{number}" for number in range(300)])
    assert pipeline.build().returncode == 0
    pipeline.aim_at(site, rate="20", verify="none")
    command = [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=test"]
    crawl = subprocess.Popen(command, cwd=pipeline.folder, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 30
    while not (pipeline.outcomes.exists() and len(pipeline.outcome_lines()) > 5):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    environ = {**os.environ, **site.env, "DJANGO_SETTINGS_MODULE": "example.settings"}
    subprocess.run([sys.executable, "-c", STOP], env=environ, cwd=ROOT, check=True)
    stopped_at_s = time.monotonic()
    _, stderr = crawl.communicate(timeout=20)
    assert time.monotonic() - stopped_at_s < 2
    assert crawl.returncode == 5, stderr
    assert "the database is melting" in stderr
    report = json.loads((pipeline.folder / "var/warm/test/report.json").read_text())
    assert report["outcome"] == "protected"
    assert report["reasons"].keys() == {"stopped"}
    assert report["planned"] == sum(
        report[name] for name in ("stored", "already_warm", "not_stored", "failed", "skipped", "unverifiable")
    )
    request = urllib.request.Request(f"{site.base_url}/en/", headers={"Host": "shop.example"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    # And none begins while it is on.
    assert pipeline.crawl().returncode == 5
