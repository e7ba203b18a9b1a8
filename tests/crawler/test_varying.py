"""What pages vary on."""

from __future__ import annotations

from crawler.requests import Wire
from crawler.varying import HEADERS, Varying
from url_manifests.traces import Trace

from .conftest import Project
from .fake_site import FakeSite


def wire(route: str) -> Wire:
    return Wire(host="shop.example", target="/x/", route=route)


def test_headers_are_counted_with_some_of_their_routes() -> None:
    varying = Varying()
    for number in range(5):
        varying.note(wire(f"/r{number}/"), Trace(extra={"vary": ["user-agent"]}))
    varying.note(wire("/r9/"), Trace(extra={"vary": ["x-device", 7], "writes": {}}))
    varying.note(wire("/r9/"), Trace(extra={"vary": "user-agent"}))
    assert varying.document() == {
        "user-agent": {"answers": 5, "routes": ["/r0/", "/r1/", "/r2/"]},
        "x-device": {"answers": 1, "routes": ["/r9/"]},
    }


def test_memory_is_bounded() -> None:
    varying = Varying()
    varying.note(wire("/"), Trace(extra={"vary": [f"x-{number}" for number in range(2 * HEADERS)]}))
    assert len(varying.document()) == HEADERS


def test_the_crawl_says_for_whom_a_page_is_warm(project: Project, site: FakeSite) -> None:
    site.extra = {"vary": ["user-agent"]}
    project.write_urls("/page/1/")
    done = project.crawl()
    assert done.returncode == 0, done.stderr
    assert project.report["varies_on"]["user-agent"]["answers"] >= 2
    assert "pages vary on user-agent" in done.stderr
