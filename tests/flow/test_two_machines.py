"""Two pipelines on two machines, one deployment: the second leaves, and a dead one's lock ends by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.deployment import ROOT
from tests.conftest import Site

from .conftest import Pipeline

TARGETS = ["/en/", "/de/", "/en/delivery/", "/de/delivery/", "/en/journal/", "/de/journal/"]
TTL_S = 25
"""Longer than a command takes to start on a busy machine."""


def machine(folder: Path, site: Site) -> Pipeline:
    """A folder that shares no lock file with another."""
    folder.mkdir()
    shutil.copy(ROOT / "scrapy.cfg", folder)
    pipeline = Pipeline(folder)
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(site)
    return pipeline


def start(pipeline: Pipeline, *arguments: str) -> subprocess.Popen[bytes]:
    options = [word for argument in arguments for word in ("-a", argument)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("WARM_")}
    command = [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=test", *options]
    process = subprocess.Popen(command, cwd=pipeline.folder, env=env, stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 30
    while not (pipeline.outcomes.exists() and len(pipeline.outcome_lines()) > 0):
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_the_second_leaves(start_site: Callable[..., Site], tmp_path: Path, server: str) -> None:
    site = start_site(server=server, EXAMPLE_LOCK_TTL_S=str(TTL_S))
    one, two = machine(tmp_path / "one", site), machine(tmp_path / "two", site)
    first = start(one, "run_id=first", "rate=0.5")
    left = two.crawl(run_id="second")
    assert left.returncode == 6, left.stderr
    assert f"another crawl of 'test' is under way (run first, process {first.pid} on " in left.stderr
    first.kill()
    first.wait()
    # Its own machine knows that it is dead, and goes on with it at once.
    gone_on = one.crawl(resume="first")
    assert gone_on.returncode == 0, gone_on.stderr
    assert one.report()["lock"] == "site"
    # That run gave the lock back.
    assert two.crawl(run_id="second").returncode == 0


def test_the_lock_of_a_machine_that_is_gone_ends_by_itself(start_site: Callable[..., Site], tmp_path: Path) -> None:
    site = start_site(EXAMPLE_LOCK_TTL_S=str(TTL_S))
    one, two = machine(tmp_path / "one", site), machine(tmp_path / "two", site)
    first = start(one, "rate=0.5")
    first.kill()
    first.wait()
    killed_at_s = time.monotonic()
    assert two.crawl().returncode == 6
    time.sleep(TTL_S - (time.monotonic() - killed_at_s))
    assert two.crawl().returncode == 0
