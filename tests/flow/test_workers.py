"""Caches in the memory of workers: warmed and proven worker by worker, through HTTP alone."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

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


def test_every_worker_is_warmed(start_site: Callable[..., Site], pipeline: Pipeline) -> None:
    site = start_site(cache="locmem", workers=3)
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(site, workers="3")
    crawled = pipeline.crawl()
    assert crawled.returncode == 0, crawled.stderr
    report = pipeline.report()
    assert (report["outcome"], report["unverifiable"]) == ("ok", 0)
    ((instance),) = report["workers"]
    assert len(instance["hits"]) == 3
    assert min(instance["hits"].values()) >= len(TARGETS)
    details = {
        line["url"]: (line["result"], line.get("page"), line.get("reason", "")) for line in pipeline.outcome_lines()
    }
    assert details["/en/"] == ("stored", "stored", "")
    assert details["/en/offers/"] == ("stored", "not_stored", "no-page-cache")
    assert_every_visitor_hits(site)


def test_every_worker_of_every_instance_is_warmed(start_site: Callable[..., Site], pipeline: Pipeline) -> None:
    first, second = (start_site(cache="locmem", workers=2, server=server) for server in ("gunicorn", "uvicorn"))
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(first, workers="auto", base_urls=second.base_url)
    crawled = pipeline.crawl()
    assert crawled.returncode == 0, crawled.stderr
    assert [len(instance["hits"]) for instance in pipeline.report()["workers"]] == [2, 2]
    for site in (first, second):
        assert_every_visitor_hits(site)
