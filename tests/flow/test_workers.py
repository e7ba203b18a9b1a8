"""Caches in the memory of workers: warmed and proven worker by worker, through HTTP alone."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from demo.deployment import PUBLIC_HOST
from tests.browsers import ask
from tests.conftest import Site
from url_manifests.profiles import PROFILES

from .conftest import Pipeline

TARGETS = ["/en/", "/de/", "/en/journal/", "/en/offers/", "/en/search/?q=linen"]
PAGES = [target for target in TARGETS if target != "/en/offers/"]


def assert_every_visitor_hits(site: Site) -> None:
    port = urlsplit(site.base_url).port
    assert port
    for target in PAGES:
        # 40 of them: whichever worker each of them meets.
        assert all(ask(port, PUBLIC_HOST, target, PROFILES["chrome"]).is_hit for _ in range(40)), target


@pytest.mark.parametrize(("server", "workers", "wanted"), [("gunicorn", 3, "3"), ("uvicorn", 2, "auto")])
def test_every_worker_is_warmed(
    start_site: Callable[..., Site], pipeline: Pipeline, server: str, workers: int, wanted: str
) -> None:
    site = start_site(cache="locmem", server=server, workers=workers)
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(site, workers=wanted)
    crawled = pipeline.crawl()
    assert crawled.returncode == 0, crawled.stderr
    report = pipeline.report()
    assert (report["outcome"], report["unverifiable"]) == ("ok", 0)
    ((instance),) = report["workers"]
    assert len(instance["hits"]) == workers
    assert min(instance["hits"].values()) >= len(TARGETS)
    details = {
        line["url"]: (line["result"], line.get("page"), line.get("reason", "")) for line in pipeline.outcome_lines()
    }
    assert details["/en/"] == ("stored", "stored", "")
    assert details["/en/offers/"] == ("stored", "not_stored", "no-page-cache")
    assert_every_visitor_hits(site)


def test_every_worker_of_every_instance_is_warmed(start_site: Callable[..., Site], pipeline: Pipeline) -> None:
    first, second = (start_site(cache="locmem", workers=2) for _ in range(2))
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(first, workers="2", base_urls=second.base_url)
    crawled = pipeline.crawl()
    assert crawled.returncode == 0, crawled.stderr
    assert [len(instance["hits"]) for instance in pipeline.report()["workers"]] == [2, 2]
    for site in (first, second):
        assert_every_visitor_hits(site)


def test_workers_that_do_not_exist_are_not_waited_for(start_site: Callable[..., Site], pipeline: Pipeline) -> None:
    site = start_site(cache="locmem", workers=1)
    pipeline.write_log(["/en/"])
    pipeline.build()
    pipeline.aim_at(site, workers="2")
    crawled = pipeline.crawl()
    assert crawled.returncode == 3, crawled.stderr
    report = pipeline.report()
    assert (report["outcome"], report["unverifiable"], report["requests_sent"]) == ("unverified", 1, 26)
    assert "warm in 1 of 2 workers" in report["examples"]["private-store"][0]


def test_nothing_is_asked_again_where_all_share_a_store(start_site: Callable[..., Site], pipeline: Pipeline) -> None:
    site = start_site(cache="db")
    pipeline.write_log(["/en/"])
    pipeline.build()
    pipeline.aim_at(site, workers="auto", verify="none")
    assert pipeline.crawl().returncode == 0
    assert pipeline.report()["requests_sent"] == 2
