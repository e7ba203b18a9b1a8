"""HTTP/2 with a real nginx in front: the same requests, the same refusals, the same limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scrapy import Request
from scrapy.exceptions import (
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Response

from crawler import http2
from crawler.download import KEEP_BYTES, TLS_NAME
from crawler.http2 import Http2DownloadHandler
from tests import servers
from url_manifests.manifest import Entry

from .conftest import CHROME, Project
from .fake_site import SECRET, FakeSite
from .test_tls import write_certificate
from .test_wire import header_lines, lower

NAMES = ("shop.example", "de.shop.example")
SERVER = """server {{
  listen 127.0.0.1:{{port}} ssl{http2}; ssl_certificate {pem}; ssl_certificate_key {pem};
  keepalive_requests {keepalive};
  location / {{
    proxy_pass {origin}; proxy_buffering off; proxy_http_version 1.1;
    proxy_set_header Host $http_host; proxy_set_header Connection "";
    proxy_set_header X-Spoken "$server_protocol $ssl_server_name";
  }}
}}"""


@dataclass
class Front:
    """nginx before a `FakeSite`."""

    url: str
    pem: Path
    site: FakeSite

    @property
    def spoken(self) -> list[str]:
        """Protocol and TLS name of each request."""
        return [dict(lower(header_lines(head)))["x-spoken"] for head in self.site.seen]


@pytest.fixture
def front(site: FakeSite, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Front]:
    options = {"http2": " http2", "keepalive": 1000} | getattr(request, "param", {})
    folder = tmp_path / "nginx"
    folder.mkdir()
    pem = folder / "cert.pem"
    write_certificate(pem, *NAMES)
    text = SERVER.format(pem=pem, origin=site.url, **options)
    with servers.nginx(folder, text, scheme="https") as server:
        yield Front(server.url, pem, site)


def aim(project: Project, front: Front, **values: str) -> None:
    front.site.scheme = "https"
    defaults = {"public_url": "https://shop.example", "proxy_scheme_header": "none", "http2": "yes"}
    project.write_env(
        base_url=front.url, secret=SECRET, ready_url="/healthz", rate=0, ready_timeout=3, timeout=3,
        **{**defaults, **values},
    )  # fmt: skip


def test_a_crawl_over_http2(empty_project: Project, front: Front) -> None:
    aim(empty_project, front)
    urls = ["/page/1/?b=2&a=1", "/page/%C3%A4/"]
    empty_project.write_entries(
        [*(Entry(url=url, hits=2) for url in urls), Entry(url="/page/2/", hits=1, host=NAMES[1])]
    )
    result = empty_project.crawl(SSL_CERT_FILE=str(front.pem))
    assert result.returncode == 0, result.stderr
    assert (empty_project.report["stored"], empty_project.report["protocols"]) == (3, {"HTTP/2": 6})
    assert set(front.spoken) == {"HTTP/2.0 shop.example", "HTTP/2.0 de.shop.example"}
    assert sorted(set(front.site.paths)) == sorted([*urls, "/page/2/"])
    for head in front.site.seen:
        sent = dict(lower(header_lines(head)))
        if b"/page/" in head:
            # Every value as a visitor sends it, and nothing that a client adds.
            assert {name: sent[name] for name in map(str.lower, CHROME)} == {k.lower(): v for k, v in CHROME.items()}
            assert set(sent) == {"host", "x-spoken", "x-cache-warming-ticket", *map(str.lower, CHROME)}
            assert f"HTTP/2.0 {sent['host']}" == sent["x-spoken"]


@pytest.mark.parametrize("front", [{"http2": ""}], indirect=True)
def test_a_server_that_does_not_offer_it(empty_project: Project, front: Front) -> None:
    aim(empty_project, front)
    empty_project.write_urls("/page/1/")
    result = empty_project.crawl(SSL_CERT_FILE=str(front.pem))
    assert result.returncode == 0, result.stderr
    assert empty_project.report["protocols"] == {"HTTP/1.1": 2}


@pytest.mark.parametrize("changes", [{"public_url": "https://other.example"}, {"tls_name": "other.example"}])
def test_the_certificate_is_checked(empty_project: Project, front: Front, changes: dict[str, str]) -> None:
    aim(empty_project, front, **changes)
    empty_project.write_urls("/page/1/")
    result = empty_project.crawl(SSL_CERT_FILE=str(front.pem))
    assert result.returncode == 7
    assert "is the certificate valid, and for this name" in result.stderr
    assert front.site.seen == []


@pytest.mark.parametrize("front", [{"keepalive": 20}], indirect=True)
def test_connections_that_the_server_ends(empty_project: Project, front: Front) -> None:
    """Nothing is lost, though what is under way then may be asked for again."""
    aim(empty_project, front)
    empty_project.write_urls(*(f"/page/{number}/" for number in range(60)))
    result = empty_project.crawl(SSL_CERT_FILE=str(front.pem))
    assert result.returncode == 0, result.stderr
    report = empty_project.report
    assert report["stored"] + report["already_warm"] == 60


def test_connections_are_left_before_the_server_ends_them(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(front.pem))
    monkeypatch.setattr(http2, "REQUESTS_A_CONNECTION", 10)

    async def ask() -> set[int]:
        handler = Http2DownloadHandler(connections=4, max_bytes=1000)
        pools = set()
        for _ in range(6):
            await asyncio.gather(*(handler.download_request(wanted(front, "/page/1/")) for _ in range(4)))
            pools |= {id(pool) for pool in handler._pools.values()}
        assert not handler._retired
        await handler.close()
        return pools

    assert len(asyncio.run(ask())) >= 2
    assert set(front.spoken) == {"HTTP/2.0 shop.example"}


def wanted(front: Front, path: str, timeout_s: float = 3.0, **options: object) -> Request:
    meta = {"verbatim_url": True, "download_timeout": timeout_s, TLS_NAME: "shop.example", KEEP_BYTES: 7}
    return Request(f"{front.url}{path}", headers={"Host": "shop.example"}, meta=meta, **options)  # type: ignore[arg-type]


def download(front: Front, *paths: str, max_bytes: int = 100_000, timeout_s: float = 3.0) -> list[Response | Exception]:
    """The answers to several requests at once, on one connection."""

    async def ask() -> list[Response | Exception]:
        handler = Http2DownloadHandler(connections=8, max_bytes=max_bytes)
        try:
            asked = (handler.download_request(wanted(front, path, timeout_s)) for path in paths)
            return await asyncio.gather(*asked, return_exceptions=True)  # type: ignore[return-value]
        finally:
            await handler.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/slow/", DownloadTimeoutError),
        ("/drip/", DownloadTimeoutError),
        ("/cut/", ResponseDataLossError),
        ("/endless/", DownloadCancelledError),
        ("/huge/", DownloadCancelledError),
    ],
)
def test_failures_are_scrapys_and_harm_no_others(
    front: Front, monkeypatch: pytest.MonkeyPatch, path: str, expected: type[Exception]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(front.pem))
    failed, *others = download(front, path, *(f"/page/{number}/" for number in range(5)), timeout_s=1.0)
    assert isinstance(failed, expected), failed
    assert [other.body for other in others if isinstance(other, Response)] == [b"<p>Hell"] * 5
    assert sorted(front.site.paths) == sorted([path, *(f"/page/{number}/" for number in range(5))])


def test_after_a_failure_no_request_shares_its_connection(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless answer that nobody reads would fill the window of its connection, and hold up all others."""
    monkeypatch.setenv("SSL_CERT_FILE", str(front.pem))

    async def ask() -> list[int]:
        handler = Http2DownloadHandler(connections=2, max_bytes=1000)
        statuses = []
        for number in range(30):
            with pytest.raises(DownloadCancelledError):
                await handler.download_request(wanted(front, "/endless/"))
            statuses.append((await handler.download_request(wanted(front, f"/page/{number}/"))).status)
        assert not handler._retired
        await handler.close()
        return statuses

    assert asyncio.run(ask()) == [200] * 30


def test_nobody_listens(front: Front) -> None:
    front.url = "https://127.0.0.1:9"
    (error,) = download(front, "/")
    assert isinstance(error, DownloadConnectionRefusedError)


def test_only_get_is_ever_sent(front: Front) -> None:
    async def ask() -> None:
        handler = Http2DownloadHandler(connections=1, max_bytes=1000)
        try:
            await handler.download_request(wanted(front, "/page/1/", method="POST", body=b"a=b"))
        finally:
            await handler.close()

    with pytest.raises(ValueError, match="only GET is ever sent"):
        asyncio.run(ask())
    assert front.site.seen == []


def test_no_tls_no_http2(empty_project: Project, site: FakeSite) -> None:
    empty_project.write_env(base_url=site.url, http2="yes")
    result = empty_project.crawl()
    assert result.returncode == 2
    assert "WARM_HTTP2: needs an https WARM_BASE_URL" in result.stderr


def test_a_broken_answer_over_http1(site: FakeSite) -> None:
    front = Front(site.url, Path(), site)
    (error,) = download(front, "/garbage/")
    assert isinstance(error, DownloadFailedError)
    assert type(error).__name__ == "NotHttpError"
