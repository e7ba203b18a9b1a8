"""Whatever a server sends ends as one counted outcome, in bounded memory and time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import Project
from .fake_site import SECRET, FakeSite
from .test_crawl import assert_adds_up

MALFORMED = {
    "/drip/": ("failed", "timeout"),
    "/bomb/": ("unverifiable", "trace-missing"),  # never unpacked: nobody reads it
    "/bad-chunk/": ("failed", "bad-response"),
    "/no-colon/": ("failed", "bad-response"),
    "/bad-length/": ("failed", "bad-response"),
    "/two-lengths/": ("failed", "bad-response"),
    "/long-header/": ("failed", "bad-response"),
    "/no-status/": ("failed", "bad-response"),
    "/status-999/": ("failed", "status-5xx"),
    "/trace-bomb/": ("unverifiable", "trace-unreadable"),
    "/trace-junk/": ("unverifiable", "trace-unreadable"),
    "/too-much/": ("failed", "bad-response"),
    "/loop/": ("not_stored", "redirect"),
    "/elsewhere/": ("not_stored", "redirect"),
    "/bad-location/": ("not_stored", "redirect"),
}


def test_each_ends_as_an_outcome(project: Project, site: FakeSite) -> None:
    project.write_env(base_url=site.url, secret=SECRET, ready_url="/healthz", rate=0, timeout=1.5, max_bytes=200_000)
    project.write_urls("/page/1/", *MALFORMED, "/page/2/")
    result = project.crawl("verify=all")
    assert result.returncode == 3, result.stderr
    ended = {outcome.url: (outcome.result, outcome.reason) for outcome in project.outcomes}
    assert ended == {"/page/1/": ("stored", ""), **MALFORMED, "/page/2/": ("stored", "")}
    assert_adds_up(project, len(MALFORMED) + 2)
    assert "Traceback" not in result.stderr
    assert set(site.paths) == set(ended)  # no redirect was followed


@pytest.mark.parametrize("kind", ["endless", "huge", "bomb"])
def test_memory_stays_bounded(project: Project, site: FakeSite, kind: str) -> None:
    site.keeps_heads = False
    measured = project.folder / "peak"
    (project.folder / "measuring.py").write_text(
        "import atexit, pathlib\n"
        "from crawler.settings import *\n"
        f"atexit.register(lambda: pathlib.Path({str(measured)!r})"
        ".write_text(pathlib.Path('/proc/self/status').read_text()))\n"
    )
    (project.folder / "scrapy.cfg").write_text("[settings]\ndefault = measuring\n")
    project.write_urls("/page/1/", *(f"/{kind}/{number}/" for number in range(40)))
    project.crawl()
    assert project.report["planned"] == 41
    assert peak_mb(measured) < 150, sys.platform


def peak_mb(path: Path) -> float:
    """The process's own peak: ``ru_maxrss`` would begin with that of the test run which started it."""
    line = next(line for line in path.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
