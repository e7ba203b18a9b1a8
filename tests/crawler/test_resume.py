"""A run that was stopped, at whatever point, goes on: nothing proven is asked again, nothing is lost or told twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from crawler.resume import Positions
from url_manifests.errors import FileFormatError
from url_manifests.manifest import Entry

from .conftest import Project
from .fake_site import FakeSite
from .test_crawl import assert_adds_up

URLS = [f"/{kind}/{number}/" for number in range(75) for kind in ("page", "page", "private", "never")][:300]
URLS = [f"{url}?n={number}" for number, url in enumerate(URLS)]


def lines(project: Project) -> int:
    path = project.folder / "var/warm/test/outcomes.jsonl"
    return path.read_bytes().count(b"\n") - 1 if path.exists() else -1


def run_until(project: Project, is_time: Callable[[], bool], number: int, *arguments: str) -> int:
    """Send a signal to a run as soon as it is time; its return code."""
    process = project.start(*arguments)
    drained = threading.Thread(target=process.communicate)
    drained.start()
    while process.poll() is None and not is_time():
        time.sleep(0.001)
    process.send_signal(number)
    drained.join(30)
    return int(process.returncode)


_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["crawler.commands.crawl", "crawler.settings", "crawler.download", "scrapy.cmdline"])


def _crawl(folder: Path, argument: str) -> None:
    """The command, in a process that need not import everything anew: twenty starts would take half a minute."""
    from scrapy.cmdline import execute

    os.chdir(folder)
    os.environ.pop("SCRAPY_SETTINGS_MODULE", None)
    sys.stderr = (folder / "stderr.log").open("a")
    execute(["scrapy", "crawl", "warm", "-a", "env=test", "-a", "verify=none", "-a", argument])


def killed_after(project: Project, enough: int, argument: str) -> None:
    process = _FORKS.Process(target=_crawl, args=(project.folder, argument))
    process.start()
    while process.is_alive() and lines(project) < enough:
        time.sleep(0.001)
    process.kill()
    process.join(10)
    assert process.exitcode == -signal.SIGKILL, (project.folder / "stderr.log").read_text()


def test_twenty_kills_at_random_moments(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.002
    project.write_urls(*URLS)
    choice = random.Random(20261122)
    begun = "run_id=one"
    for _ in range(20):
        more = choice.randint(0, 16)
        before = max(lines(project), 0) if begun.startswith("resume") else 0
        killed_after(project, before + more, begun)
        if lines(project) >= 0:
            begun = "resume=one"
    assert 0 < len(project.outcomes) < len(URLS)
    kept = {outcome.url for outcome in project.outcomes}
    site.seen.clear()
    last = project.crawl("resume=one")
    assert last.returncode == 0, last.stderr
    assert Counter(outcome.url for outcome in project.outcomes) == Counter(URLS)
    assert [outcome.number for outcome in project.outcomes].count(None) == 0
    assert_adds_up(project, len(URLS))
    assert (project.report["resumed_with"], project.report["run_id"]) == (len(kept), "one")
    assert not kept & set(site.paths)


def test_an_orderly_stop_leaves_what_was_skipped_to_the_next_part(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.02
    project.write_urls(*URLS[:60])
    assert run_until(project, lambda: lines(project) >= 20, signal.SIGTERM, "run_id=one") == 5
    assert f"-a resume={project.report['run_id']}" in project.report["error"]
    first = {outcome.url: outcome.result for outcome in project.outcomes}
    site.latency_s = 0
    site.seen.clear()
    assert project.crawl("resume=one").returncode == 0
    assert_adds_up(project, 60)
    assert project.report["skipped"] == 0
    assert {url for url, result in first.items() if result == "skipped"} == set(site.paths)


def test_failures_are_tried_again(project: Project, site: FakeSite) -> None:
    project.write_urls("/page/1/", "/half-broken/", "/never/")
    assert project.crawl("run_id=one").returncode == 3
    site.seen.clear()
    project.crawl("resume=one")
    assert set(site.paths) == {"/half-broken/"}
    assert_adds_up(project, 3)


def test_each_variant_is_a_place_of_its_own(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.005
    project.write_entries([Entry(url=url, hits=3, variants={"chrome": 0.6, "safari": 0.4}) for url in URLS[:40]])
    run_until(project, lambda: lines(project) >= 25, signal.SIGKILL, "run_id=one")
    path = project.folder / "var/warm/test/outcomes.jsonl"
    path.write_bytes(path.read_bytes()[:-9])  # cut in half by the kill
    assert project.crawl("resume=one").returncode == 0
    assert Counter((o.url, o.profile) for o in project.outcomes) == {
        (url, profile): 1 for url in URLS[:40] for profile in ("chrome", "safari")
    }
    assert_adds_up(project, 80)


def test_what_cannot_be_resumed(project: Project, site: FakeSite) -> None:
    missing = project.crawl("resume=one")
    assert (missing.returncode, "cannot be read" in missing.stderr) == (2, True)
    project.crawl("run_id=one")
    before = (project.folder / "var/warm/test/outcomes.jsonl").read_bytes()
    other = project.crawl("resume=two")
    assert (other.returncode, "holds run one, not two" in other.stderr) == (2, True)
    named = project.crawl("resume=one", "run_id=two")
    assert (named.returncode, "keeps its id" in named.stderr) == (2, True)
    project.write_urls("/page/2/", "/page/1/")
    changed = project.crawl("resume=one")
    assert (changed.returncode, "the manifest has changed since run one" in changed.stderr) == (2, True)
    assert (project.folder / "var/warm/test/outcomes.jsonl").read_bytes() == before
    assert len(site.paths) == 2


def test_positions_take_a_bit_each_and_no_more_than_the_plan() -> None:
    positions = Positions(Path("outcomes.jsonl"), end=1_000_000)
    for number in (0, 7, 8, 999_999):
        positions.add(number)
    assert [number for number in range(20) if number in positions] == [0, 7, 8]
    assert len(positions._bits) == 125_000
    for wrong in (8, 1_000_000, 10**15):
        with pytest.raises(FileFormatError, match="position"):
            positions.add(wrong)
