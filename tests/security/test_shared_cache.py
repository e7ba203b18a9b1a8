"""A CDN in front of the site: what it keeps is given to visitors, and to later runs."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

import pytest

from demo.deployment import PUBLIC_HOST
from tests import servers
from tests.flow.conftest import Pipeline, pipeline  # noqa: F401 - a fixture
from url_manifests.profiles import PROFILES

PAGES = ["/en/", "/de/"]


@contextmanager
def cdn(folder: Path, site) -> Iterator[servers.Server]:
    """A cache of whole answers, by host and URL, as CDNs have it; it obeys Cache-Control."""
    folder.mkdir()
    location = (
        f"proxy_pass {site.base_url}; proxy_set_header Host $http_host; proxy_cache shared; "
        "proxy_cache_key $http_host$request_uri; add_header X-Cache $upstream_cache_status;"
    )
    text = f"server {{ listen 127.0.0.1:{{port}}; location / {{ {location} }} }}"
    with servers.nginx(folder, text, http=f"proxy_cache_path {folder}/cache keys_zone=shared:1m;") as server:
        yield server


def visit(server: servers.Server, path: str) -> Message:
    headers = {**PROFILES["chrome"], "Host": PUBLIC_HOST}
    with urllib.request.urlopen(urllib.request.Request(server.url + path, headers=headers), timeout=10) as answer:
        return answer.headers


@pytest.fixture
def crawled(start_site, pipeline: Pipeline, tmp_path: Path):  # noqa: F811 - the fixture
    """A site behind a CDN, through which it was warmed."""
    site = start_site()
    with cdn(tmp_path / "cdn", site) as server:
        pipeline.aim_at(site, base_url=server.url, proxy_scheme_header="none")
        pipeline.write_log(PAGES)
        assert pipeline.build().returncode == 0
        first = pipeline.crawl()
        assert first.returncode == 0, first.stderr
        yield server, pipeline


def test_no_trace_is_kept_for_visitors(crawled):
    server, _ = crawled
    for page in PAGES:
        seen = visit(server, page)
        assert [name for name in seen if name.lower().startswith("x-cache-warming")] == []
        assert (seen["X-Cache"], int(seen["Age"]) >= 0) == ("MISS", True), "warm at the site, unknown to the CDN"


def test_a_later_run_is_answered_by_the_site(crawled):
    """Not by what an earlier one's traces say, which a CDN would still have."""
    _, pipeline = crawled  # noqa: F811 - the fixture
    again = pipeline.crawl()
    assert again.returncode == 0, again.stderr
    assert pipeline.report()["already_warm"] == len(PAGES)


def test_a_cdn_that_has_the_page_is_named_as_a_cause(crawled):
    """It answers the handshake itself, so the ticket never reaches the site."""
    server, pipeline = crawled  # noqa: F811 - the fixture
    for page in PAGES:
        visit(server, page)
    done = pipeline.crawl()
    assert done.returncode == 2
    assert "answers from a cache of its own" in done.stderr
