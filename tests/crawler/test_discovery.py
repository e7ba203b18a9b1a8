"""Pages that are read: what they load later is asked for, and failures inside a 200 are found."""

from __future__ import annotations

import gzip

import brotli
import pytest
from scrapy.utils._compression import zstd

from url_manifests.manifest import Entry
from url_manifests.outcomes import Result

from .conftest import Project
from .fake_site import FakeSite
from .test_crawl import assert_adds_up
from .test_personas import write_sessions
from .test_wire import header_lines, lower

FRAME = b'<p>A page</p><div id="price" hx-get="/page/price/" hx-trigger="load"></div>'
ERROR = b"<title>503 Service Unavailable</title><h1>Service Unavailable</h1>"
ENCODE = {"": bytes, "zstd": zstd.compress}


def results(project: Project) -> dict[str, tuple[str, str]]:
    return {o.url: (str(o.result), o.found_in) for o in project.outcomes}


@pytest.mark.parametrize("encoding", ENCODE)
def test_what_a_page_loads_is_warmed_with_its_variant(project: Project, site: FakeSite, encoding: str) -> None:
    site.bodies = {"/page/1/": (encoding, ENCODE[encoding](FRAME))}
    result = project.crawl("discover=fragments", "verify=all")
    assert result.returncode == 0, result.stderr
    assert results(project) == {"/page/1/": ("stored", ""), "/page/price/": ("stored", "/page/1/")}
    sent = [dict(lower(header_lines(head))) for head in site.seen if b" /page/price/ " in head]
    assert len(sent) == 2
    for headers in sent:
        assert headers["hx-request"] == "true"
        assert headers["hx-current-url"] == f"{site.url}/page/1/"
        assert headers["accept"] == "*/*"
        assert headers["accept-encoding"] == "gzip, deflate, br, zstd"
    report = project.report
    assert (report["discovered"], report["coverage"], report["late_check"]["asked"]) == ({"htmx": 1}, 1.0, 1)
    assert_adds_up(project, 2)


def test_nothing_is_read_unless_asked_for(project: Project, site: FakeSite) -> None:
    site.bodies = {"/page/1/": ("", FRAME)}
    assert project.crawl().returncode == 0
    assert project.report["discovered"] is None
    assert_adds_up(project, 1)


def test_what_must_not_be_asked_for_is_counted(project: Project, site: FakeSite) -> None:
    urls = ("/logout/", "/page/?token=abcdef123456", "http://elsewhere.example/x/", "/page/2/", "/page/3/", "/page/1/")
    site.bodies = {"/page/1/": ("", "".join(f'<iframe src="{url}"></iframe>' for url in urls).encode())}
    project.write_urls("/page/2/", "/page/1/")
    assert project.crawl("discover=fragments", "concurrency=1").returncode == 0
    found = results(project)
    assert found["/logout/"] == ("skipped", "/page/1/")
    assert found["/page/3/"] == ("stored", "/page/1/")
    assert found["/page/2/"] == ("stored", "")
    assert {o.reason for o in project.outcomes if o.result is Result.SKIPPED} == {"unsafe"}
    assert not any(b"logout" in head or b"token" in head for head in site.seen)
    assert b"abcdef123456" not in (project.folder / "var/warm/test/outcomes.jsonl").read_bytes()
    assert project.report["discovered"] == {"iframe": 3, "repeated": 1}
    assert_adds_up(project, 5)


def test_depth_and_number_are_bounded(project: Project, site: FakeSite) -> None:
    endless = {f"/page/{n}/": ("", f'<link rel="next" href="/page/{n + 1}/">'.encode()) for n in range(1, 50)}
    many = b"".join(b'<iframe src="/page/many/%d/"></iframe>' % n for n in range(30))
    site.bodies = {**endless, "/page/many/": ("", many)}
    project.write_urls("/page/1/", "/page/many/")
    assert project.crawl("discover=fragments", "concurrency=1").returncode == 0
    found = results(project)
    assert {url for url in found if "many" not in url} == {"/page/1/", "/page/2/", "/page/3/"}
    assert sum(url.startswith("/page/many/") for url in found) == 1 + 20
    assert project.report["discovered"] == {"link": 2, "iframe": 20, "over_limit": 11}
    assert_adds_up(project, 24)


def test_a_deadline_leaves_what_was_found_as_skipped(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.3
    site.bodies = {"/page/1/": ("", b"".join(b'<iframe src="/page/x/%d/"></iframe>' % n for n in range(15)))}
    assert project.crawl("discover=fragments", "concurrency=1", "deadline=2").returncode in (0, 3)
    skipped = [o for o in project.outcomes if o.result is Result.SKIPPED]
    assert skipped
    assert {(o.reason, o.found_in) for o in skipped} == {("deadline", "/page/1/")}
    assert_adds_up(project, 16)


def test_fragments_of_a_persona_are_asked_for_as_the_persona(project: Project, site: FakeSite) -> None:
    site.bodies = {"/personal/1/": ("", b'<div hx-get="/personal/2/" hx-trigger="load"></div>')}
    project.write_entries([Entry(url="/personal/1/", hits=10, signed_in=0.5)])
    assert project.crawl(f"personas={write_sessions(project)}", "discover=fragments").returncode == 0
    assert {(o.url, o.persona) for o in project.outcomes} == {
        (f"/personal/{n}/", persona) for n in (1, 2) for persona in ("", "trade", "staff")
    }
    heads = [dict(lower(header_lines(head))) for head in site.seen if b" /personal/2/ " in head]
    assert {head["hx-request"] for head in heads} == {"true"}
    assert {head.get("cookie") for head in heads} == {None, "sessionid=s-trade-secret", "sessionid=s-staff-secret"}


def test_a_failure_inside_a_200_is_no_warm_page(project: Project, site: FakeSite) -> None:
    site.bodies = {f"/page/{n}/": ("br", brotli.compress(ERROR)) for n in (2, 40)}
    project.write_urls(*(f"/page/{n}/" for n in range(1, 51)))
    result = project.crawl("concurrency=1", "require_coverage=0.5")
    assert result.returncode == 0, result.stderr
    failed = {o.url: (o.reason, o.detail) for o in project.outcomes if o.result is Result.FAILED}
    # The second of the route was in the sample, so all of the route were looked at.
    shown = "its heading is '503 Service Unavailable'"
    assert failed == {"/page/2/": ("soft-error", shown), "/page/40/": ("soft-error", shown)}
    assert_adds_up(project, 50)


@pytest.mark.parametrize(("mode", "failed"), [("sample", 0), ("all", 1), ("none", 0)])
def test_how_much_is_looked_at(project: Project, site: FakeSite, mode: str, failed: int) -> None:
    site.bodies = {"/page/9/": ("", ERROR)}
    project.write_urls(*(f"/page/{n}/" for n in range(1, 11)))
    project.crawl("concurrency=1", f"soft_errors={mode}")
    assert project.report["failed"] == failed


def test_a_bomb_and_what_is_not_what_it_says(project: Project, site: FakeSite) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    site.bodies = {"/page/1/": ("gzip", bomb), "/page/2/": ("br", b"no brotli"), "/page/3/": ("compress", FRAME)}
    project.write_urls("/page/1/", "/page/2/", "/page/3/")
    assert project.crawl("discover=fragments").returncode == 0
    assert project.report["stored"] == 3
    assert project.report["pages_read"] == {"looked_at": 3, "unreadable": 2}
