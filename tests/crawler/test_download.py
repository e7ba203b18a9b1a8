"""The download handler against a real server: what it keeps, what it refuses, what it sends once."""

from __future__ import annotations

import asyncio

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

from crawler.download import KEEP_BYTES, AiohttpDownloadHandler

from .fake_site import FakeSite

BODY = b"<p>Hello</p>"


def download(
    url: str, max_bytes: int = 100_000, timeout_s: float = 2.0, method: str = "GET", body: bytes = b"", **meta: int
) -> Response:
    async def ask() -> Response:
        handler = AiohttpDownloadHandler(connections=1, max_bytes=max_bytes)
        try:
            return await handler.download_request(
                Request(
                    url,
                    method=method,
                    body=body,
                    meta={"verbatim_url": True, "download_timeout": timeout_s, **meta},
                )
            )
        finally:
            await handler.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("keep_bytes", [0, 5, 12, 1000])
def test_so_much_of_a_body_is_kept(site: FakeSite, keep_bytes: int) -> None:
    response = download(f"{site.url}/page/1/", **{KEEP_BYTES: keep_bytes})
    assert response.body == BODY[:keep_bytes]
    assert response.headers[b"content-type"] == b"text/html"


def test_nothing_is_kept_when_nobody_asks(site: FakeSite) -> None:
    assert download(f"{site.url}/page/1/").body == b""


@pytest.mark.parametrize(("max_bytes", "is_read"), [(12, True), (11, False)])
def test_the_largest_body(site: FakeSite, max_bytes: int, is_read: bool) -> None:
    if is_read:
        assert download(f"{site.url}/page/1/", max_bytes).status == 200
    else:
        with pytest.raises(DownloadCancelledError, match="more than 11 bytes"):
            download(f"{site.url}/page/1/", max_bytes)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/slow/", DownloadTimeoutError),
        ("/drip/", DownloadTimeoutError),
        ("/cut/", ResponseDataLossError),
        ("/cut-off/", DownloadFailedError),
        ("/garbage/", DownloadFailedError),
        ("/endless/", DownloadCancelledError),
    ],
)
def test_failures_are_scrapys(site: FakeSite, path: str, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        download(f"{site.url}{path}", timeout_s=0.5)
    # Not even when the connection was closed: that would be a request without a turn.
    assert site.paths == [path]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_only_get_is_ever_sent(site: FakeSite, method: str) -> None:
    with pytest.raises(ValueError, match="only GET is ever sent"):
        download(f"{site.url}/page/1/", method=method)
    with pytest.raises(ValueError, match="only GET is ever sent"):
        download(f"{site.url}/page/1/", body=b"a=b")
    assert site.seen == []


def test_nobody_listens() -> None:
    with pytest.raises(DownloadConnectionRefusedError):
        download("http://127.0.0.1:9/")


def test_headers_longer_than_aiohttp_would_read(site: FakeSite) -> None:
    response = download(f"{site.url}/policy/")
    assert len(response.headers[b"content-security-policy"]) == 20_000
