"""The raw bytes of requests: a visitor's headers, and nothing that Scrapy adds."""

from __future__ import annotations

import pytest

from url_manifests.manifest import Entry
from url_manifests.protocol import TICKET_HEADER

from .conftest import CHROME, Project
from .fake_site import FakeSite


def header_lines(head: bytes) -> list[tuple[str, str]]:
    lines = head.decode("ascii").split("\r\n")[1:-2]
    return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]


def lower(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in pairs]


def crawl_heads(project: Project, site: FakeSite, *arguments: str) -> list[bytes]:
    result = project.crawl(*arguments)
    assert result.returncode == 0, result.stderr
    return [head for head in site.seen if b"/healthz" not in head]


def test_exactly_the_profile(project: Project, site: FakeSite) -> None:
    heads = crawl_heads(project, site)
    for head in heads:
        *sent, ticket = header_lines(head)
        host = site.url.removeprefix("http://")
        assert lower(sent) == [("host", host), *lower(list(CHROME.items()))]
        assert ticket[0].lower() == TICKET_HEADER.lower()
    assert len(heads) == 2


def test_behind_a_tls_proxy(project: Project, site: FakeSite) -> None:
    heads = crawl_heads(project, site, "public_url=https://shop.example")
    sent = dict(lower(header_lines(heads[0])))
    assert sent["host"] == "shop.example"
    assert sent["x-forwarded-proto"] == "https"


def test_a_port_that_visitors_see(project: Project, site: FakeSite) -> None:
    heads = crawl_heads(project, site, "public_url=https://shop.example:8443")
    assert dict(lower(header_lines(heads[0])))["host"] == "shop.example:8443"


def test_a_default_port_is_left_out(project: Project, site: FakeSite) -> None:
    heads = crawl_heads(project, site, "public_url=https://shop.example:443")
    assert dict(lower(header_lines(heads[0])))["host"] == "shop.example"


def test_the_scheme_header_can_be_switched_off(project: Project, site: FakeSite) -> None:
    heads = crawl_heads(project, site, "public_url=http://shop.example", "proxy_scheme_header=none")
    assert "x-forwarded-proto" not in dict(lower(header_lines(heads[0])))


def test_entries_of_other_hosts(project: Project, site: FakeSite) -> None:
    project.write_entries([Entry(url="/page/1/", hits=1, host="de.shop.example")])
    heads = crawl_heads(project, site, "public_url=http://shop.example")
    assert {dict(lower(header_lines(head)))["host"] for head in heads} == {"de.shop.example"}


@pytest.mark.parametrize(
    "url",
    [
        "/page/?b=2&a=1",
        "/page/%7Ea%2Fb/",
        "/page/%e4%B8%ad/?q=%C3%BC&x=%zz",
        "/page/a;b=1/?c",
        "/page/a;",
        "/page/!$'()*,/",
    ],
)
def test_urls_are_sent_as_they_are(project: Project, site: FakeSite, url: str) -> None:
    project.write_urls(url)
    heads = crawl_heads(project, site)
    assert heads[0].startswith(f"GET {url} HTTP/1.1\r\n".encode())
    assert project.report["stored"] == 1  # so the ticket was signed over the same bytes


def test_an_empty_query_is_dropped_as_django_does(project: Project, site: FakeSite) -> None:
    project.write_urls("/page/?")
    assert crawl_heads(project, site)[0].startswith(b"GET /page/ HTTP/1.1\r\n")
    assert project.report["stored"] == 1


def test_each_request_has_a_ticket_of_its_own_url_only(project: Project, site: FakeSite) -> None:
    project.write_urls("/page/1/", "/page/2/")
    tickets = {
        dict(lower(header_lines(head)))[TICKET_HEADER.lower()].rpartition(".")[2]
        for head in crawl_heads(project, site, "run_id=run-1")
    }
    assert len(tickets) >= 2


def test_no_secret_in_anything_written(project: Project, site: FakeSite) -> None:
    result = project.crawl()
    written = [path.read_text() for path in (project.folder / "var").rglob("*") if path.is_file()]
    assert len(written) == 3
    for text in (*written, result.stderr):
        assert site.secret not in text
