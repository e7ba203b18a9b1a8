"""The site's own cache goes away while it is crawled: waited for, then given up, or gone on without."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from crawler.answer import Answer
from crawler.cache_watch import CacheWatch
from url_manifests.traces import KeyEvent, KeyKind, Trace, TracedKey

from .conftest import Project
from .fake_site import FakeSite
from .test_crawl import assert_adds_up

KEY = TracedKey(alias="default", key="page", event=KeyEvent.STORED, kind=KeyKind.PAGE)
GOOD = Answer(status=200, trace=Trace(keys=(KEY,)))
DOWN = Answer(status=500, reason="status-5xx", trace=Trace(reason="cache-down"))


class Watched:
    def __init__(self, wait_s: float = 30) -> None:
        self.now_s = 1000.0
        self.watch = CacheWatch(wait_s, clock=lambda: self.now_s)

    def answers(self, answer: Answer, sent_ago_s: float = 0.1) -> bool:
        self.now_s += 1
        return self.watch.note(answer, self.now_s - sent_ago_s)


def test_it_is_waited_for_and_no_longer() -> None:
    watched = Watched()
    assert watched.answers(DOWN)
    for _ in range(29):
        assert watched.watch.is_waiting
        watched.answers(DOWN)
    watched.answers(DOWN)
    assert not watched.watch.is_waiting


def test_each_outage_is_waited_for() -> None:
    watched = Watched(wait_s=5)
    for _ in range(3):
        watched.answers(DOWN)
        watched.answers(DOWN)
        assert watched.watch.is_waiting
        watched.answers(GOOD)
        assert not watched.watch.is_waiting
        watched.now_s += 100
    assert watched.watch.down_s == pytest.approx(6)


def test_a_cache_that_no_trace_names_again_is_taken_to_be_back() -> None:
    sessions = replace(DOWN, trace=Trace(reason="cache-down", extra={"down": ["sessions"]}))
    watched = Watched(wait_s=15)
    watched.answers(sessions)
    for _ in range(30):
        watched.answers(GOOD)
    assert not watched.watch.is_waiting
    watched.now_s += 1000
    watched.answers(sessions)
    assert watched.watch.is_waiting, "another outage is waited for as the first was"
    assert watched.watch.down_s < 20


def test_what_says_nothing_of_the_cache_does_not_end_an_outage() -> None:
    watched = Watched()
    watched.answers(DOWN)
    watched.answers(GOOD, sent_ago_s=10)
    watched.answers(replace(GOOD, trace=Trace()))
    watched.answers(Answer(status=500, reason="status-5xx"))
    assert watched.watch.is_waiting


def test_that_another_cache_answers_does_not_end_an_outage() -> None:
    """Half of the pages need a cache that is down for good: no page is to be asked for again and again for that."""
    watched = Watched(wait_s=20)
    down = replace(DOWN, trace=Trace(reason="cache-down", extra={"down": ["parts"]}))
    for _ in range(10):
        assert watched.answers(down)
        assert watched.watch.is_waiting
        assert not watched.answers(GOOD)
    watched.answers(down)
    watched.answers(down)
    assert not watched.watch.is_waiting
    watched.answers(replace(GOOD, trace=Trace(keys=(replace(KEY, alias="parts", event=KeyEvent.LOST),))))
    assert watched.watch.down_s == 21
    watched.answers(replace(GOOD, trace=Trace(keys=(replace(KEY, alias="parts"),))))
    watched.now_s += 100
    assert watched.watch.down_s == 23
    assert watched.answers(down)
    assert watched.watch.is_waiting


def test_a_page_that_the_cache_failed_for_a_moment_is_asked_for_again(project: Project, site: FakeSite) -> None:
    project.write_urls("/once-interrupted/1/", "/page/1/")
    done = project.crawl()
    assert done.returncode == 0, done.stderr
    assert (project.report["stored"], project.report["retries"]) == (2, 1)
    assert_adds_up(project, 2)


def test_and_fails_when_it_is_always_that_page(project: Project, site: FakeSite) -> None:
    project.write_urls("/interrupted/1/", "/page/1/")
    assert project.crawl().returncode == 3
    assert project.report["reasons"] == {"cache-interrupted": 1}
    assert [path for path in site.paths if "interrupted" in path] == ["/interrupted/1/"] * 3
    assert_adds_up(project, 2)


def test_a_cache_that_comes_back_costs_nothing_but_time(project: Project, site: FakeSite) -> None:
    site.cache_is_down = True

    def come_back() -> None:
        while len(site.paths) < 3:
            time.sleep(0.05)
        site.cache_is_down = False

    timer = threading.Thread(target=come_back)
    timer.start()
    project.write_urls(*(f"/page/{number}/" for number in range(30)))
    done = project.crawl()
    timer.join()
    assert done.returncode == 0, done.stderr
    assert (project.report["stored"], project.report["retries"]) == (30, 0)
    assert project.report["cache_down_s"] > 0
    assert_adds_up(project, 30)


def test_one_that_does_not_ends_the_run(project: Project, site: FakeSite) -> None:
    site.cache_is_down = True
    project.write_urls(*(f"/page/{number}/" for number in range(30)))
    done = project.crawl("cache_wait=3")
    assert done.returncode == 5, done.stderr
    assert "its cache does not answer, and did not within 3 s (WARM_CACHE_WAIT)" in done.stderr
    assert len(site.paths) <= 10
    assert project.report["outcome"] == "protected"
    assert_adds_up(project, 30)


def test_unless_it_is_to_go_on_without(project: Project, site: FakeSite) -> None:
    site.cache_is_down = True
    project.write_urls(*(f"/page/{number}/" for number in range(30)))
    done = project.crawl("cache_wait=0", "cache_down=go-on")
    assert done.returncode == 3, done.stderr
    assert project.report["reasons"] == {"cache-down": 30}
    assert_adds_up(project, 30)


def test_the_deadline_is_kept(project: Project, site: FakeSite) -> None:
    site.cache_is_down = True
    project.write_urls(*(f"/page/{number}/" for number in range(30)))
    done = project.crawl("deadline=4")
    assert done.returncode == 3, done.stderr
    assert project.report["deadline_reached"]
    assert project.report["elapsed_s"] < 8
    assert_adds_up(project, 30)
