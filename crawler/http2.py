"""The download handler with HTTP/2, for sites that are reached over https: by httpcore, an optional extra.

What holds for `crawler.download` holds here: the internal address under the visitors' name (SNI and certificate), a
request's headers and nothing else, no cookie jar, no redirects, no proxy of the environment, bounded bodies, one time
limit for a whole answer. HTTP/2 sends names of headers in lower case, as browsers do with it; values stay as they are.
Where a server does not offer it, HTTP/1.1 is spoken, which is what browsers do, too.

All requests to one name share a connection. A stream that is given up cannot be taken off it in a way that leaves the
others whole, so after a failure no new request goes there, and it is closed when the last one on it has ended. It is
also left before a server would: nginx ends connections after 1,000 requests, and what is under way then is lost.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from socket import gaierror
from typing import Final, NoReturn, Self
from urllib.parse import urlsplit

import h2.exceptions
import h11
import httpcore
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Response

from .download import KEEP_BYTES, TLS_NAME, NotHttpError, TlsFailedError, form_of

REQUESTS_A_CONNECTION: Final = 500
_KEPT_FOR_S: Final = 60.0
_PORTS: Final = {"http": 80, "https": 443}
_FAILURES: Final = (
    TimeoutError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    h2.exceptions.H2Error,
)


class Http2DownloadHandler:
    """Made with the first request, and closed with the crawl."""

    lazy = True

    def __init__(self, connections: int, max_bytes: int) -> None:
        self._connections = connections
        self._max_bytes = max_bytes
        self._tls = ssl.create_default_context()
        self._pools: dict[tuple[str, str | None], _Pool] = {}
        self._retired: set[_Pool] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        return cls(settings.getint("CONCURRENT_REQUESTS"), settings.getint("DOWNLOAD_MAXSIZE"))

    async def close(self) -> None:
        for pool in (*self._pools.values(), *self._retired):
            await pool.connections.aclose()

    async def download_request(self, request: Request) -> Response:
        """The response to a request.

        Raises:
            DownloadFailedError, DownloadTimeoutError, …: Scrapy's exceptions, with httpcore's as their cause.
            ValueError: see `form_of`.
        """
        form = form_of(request)
        try:
            async with asyncio.timeout(request.meta["download_timeout"]), self._pool(request) as pool:
                return await self._ask(pool, request, form)
        except _FAILURES as error:
            _raise_as_scrapy_does(error)

    @asynccontextmanager
    async def _pool(self, request: Request) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        """The connections to the request's address under its name, for one request."""
        # httpcore keeps connections by address alone, and two names at one address are two certificates.
        key = urlsplit(request.url).netloc, request.meta.get(TLS_NAME)
        pool = self._pools.get(key) or self._pools.setdefault(key, _Pool(self._tls, self._connections))
        pool.begun += 1
        pool.under_way += 1
        is_whole = False
        try:
            yield pool.connections
            is_whole = True
        finally:
            pool.under_way -= 1
            if not is_whole or pool.begun >= REQUESTS_A_CONNECTION:
                self._retired.add(pool)
                if self._pools.get(key) is pool:
                    del self._pools[key]
            if pool in self._retired and not pool.under_way:
                self._retired.discard(pool)
                await pool.connections.aclose()

    async def _ask(self, pool: httpcore.AsyncConnectionPool, request: Request, form: bytes | None) -> Response:
        name = request.meta.get(TLS_NAME)
        headers = [(header, value) for header, values in dict.items(request.headers) for value in values]
        if form is not None:
            headers.append((b"Content-Length", str(len(form)).encode()))
        extensions = {"sni_hostname": name} if name else {}
        async with pool.stream(
            request.method, _url(request.url), headers=headers, content=form, extensions=extensions
        ) as answer:
            body = await self._read(answer, request.meta.get(KEEP_BYTES, 0))
            version = answer.extensions["http_version"].decode()
            return Response(request.url, status=answer.status, headers=answer.headers, body=body, protocol=version)

    async def _read(self, answer: httpcore.Response, keep_bytes: int) -> bytes:
        """Take the whole body, and give its beginning."""
        received, kept = 0, bytearray()
        announced = dict(answer.headers).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._max_bytes:
            raise DownloadCancelledError(f"more than {self._max_bytes} bytes")
        try:
            async for chunk in answer.aiter_stream():
                received += len(chunk)
                kept += chunk[: keep_bytes - len(kept)] if len(kept) < keep_bytes else b""
                if received > self._max_bytes:
                    raise DownloadCancelledError(f"more than {self._max_bytes} bytes")
        except (httpcore.RemoteProtocolError, h2.exceptions.InvalidBodyLengthError) as error:
            raise ResponseDataLossError(str(error)) from error
        return bytes(kept)


class _Pool:
    """httpcore's connections to one address under one name."""

    def __init__(self, tls: ssl.SSLContext, most: int) -> None:
        self.begun = self.under_way = 0
        self.connections = httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=most, keepalive_expiry=_KEPT_FOR_S, http1=True, http2=True
        )


def _url(url: str) -> httpcore.URL:
    """In pieces, so that nobody quotes it anew."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    target = url[len(f"{parts.scheme}://{parts.netloc}") :] or "/"
    return httpcore.URL(
        scheme=parts.scheme, host=host, port=parts.port or _PORTS[parts.scheme], target=target.encode("ascii")
    )


def _raise_as_scrapy_does(error: Exception) -> NoReturn:
    causes = list(_causes(error))

    def has(kind: type[BaseException]) -> bool:
        return any(isinstance(cause, kind) for cause in causes)

    if has(TimeoutError) or has(httpcore.TimeoutException):
        kind: type[Exception] = DownloadTimeoutError
    elif has(gaierror):
        kind = CannotResolveHostError
    elif has(ConnectionRefusedError):
        kind = DownloadConnectionRefusedError
    elif has(ssl.SSLError):
        kind = TlsFailedError
    elif isinstance(error, httpcore.RemoteProtocolError) and has(h11.RemoteProtocolError):
        kind = NotHttpError
    else:
        kind = DownloadFailedError
    raise kind(str(error) or type(error).__name__) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _causes(each)
        yield error
        error = error.__cause__ or error.__context__
