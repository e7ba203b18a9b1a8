"""How requests leave and answers come in: the spider's download handler, over aiohttp.

Scrapy's default, Twisted's HTTP client, takes several times the CPU for the same request. What is sent is what the
request holds, in its order, and nothing else: no cookie jar, no redirects, no proxy of the environment, no header that
a client adds by itself. It always goes to the address in the request's URL, which is that of the release; over TLS the
server is told the visitors' name and must show a certificate for it (`TLS_NAME`), as with curl's ``--connect-to``.

Bodies are read to their end, counted, and dropped, so an answer costs no memory whatever its size. Who wants to read
one asks for its beginning: ``request.meta[KEEP_BYTES]``.
"""

from __future__ import annotations

import ssl
from typing import Final, NoReturn, Self

import aiohttp
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
from scrapy.http import Headers, Response
from yarl import URL

TLS_NAME: Final = "warm_tls_name"
"""Key in ``Request.meta``: the name for SNI and certificate; that of the URL when absent."""
KEEP_BYTES: Final = "warm_keep_bytes"
"""Key in ``Request.meta``: so many bytes of the body are kept in ``Response.body``, as they were sent, that is encoded
as the response's ``Content-Encoding`` says. None when absent."""

SENDS_FORM: Final = "warm_sends_form"
"""Key in ``Request.meta``: true for the one request that may be a POST, see `crawler.sign_in`."""

LONGEST_HEADER_BYTES: Final = 65_536
"""aiohttp's own limit of 8 KiB is less than some sites' security policies take."""


class NotHttpError(DownloadFailedError):
    """What came is no valid HTTP response."""


class TlsFailedError(DownloadFailedError):
    """No encrypted connection: the certificate is not valid, or for another name."""


class AiohttpDownloadHandler:
    """Made with the first request, and closed with the crawl."""

    lazy = True

    def __init__(self, connections: int, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._tls = ssl.create_default_context()
        self._session = aiohttp.ClientSession(
            # One more than pages are asked for at once: the lock at the site has to be renewed meanwhile.
            connector=aiohttp.TCPConnector(limit=connections + 1),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            max_line_size=LONGEST_HEADER_BYTES,
            max_field_size=LONGEST_HEADER_BYTES,
            middlewares=(_only_once,),
        )

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        return cls(settings.getint("CONCURRENT_REQUESTS"), settings.getint("DOWNLOAD_MAXSIZE"))

    async def close(self) -> None:
        await self._session.close()

    async def download_request(self, request: Request) -> Response:
        """The response to a request.

        Raises:
            DownloadFailedError, DownloadTimeoutError, …: Scrapy's exceptions, with aiohttp's as their cause.
            ValueError: see `form_of`.
        """
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=_decoded(request.headers),
                data=form_of(request),
                timeout=aiohttp.ClientTimeout(total=request.meta["download_timeout"]),
                ssl=self._tls,
                server_hostname=request.meta.get(TLS_NAME),
                allow_redirects=False,
            ) as answer:
                body = await self._read(answer, request.meta.get(KEEP_BYTES, 0))
                return Response(request.url, status=answer.status, headers=answer.raw_headers, body=body)
        except (TimeoutError, aiohttp.ClientError) as error:
            _raise_as_scrapy_does(error)

    async def _read(self, answer: aiohttp.ClientResponse, keep_bytes: int) -> bytes:
        """Take the whole body, and give its beginning."""
        received = answer.content_length or 0
        if received <= self._max_bytes:
            received, kept = 0, bytearray()
            while chunk := await answer.content.readany():
                received += len(chunk)
                kept += chunk[: keep_bytes - len(kept)] if len(kept) < keep_bytes else b""
                if received > self._max_bytes:
                    break
            else:
                return bytes(kept)
        raise DownloadCancelledError(f"more than {self._max_bytes} bytes")


def form_of(request: Request) -> bytes | None:
    """The body to send.

    Raises:
        ValueError: it is neither a GET without one nor the sign-in form; that is sent to nobody.
    """
    if request.method == "GET" and not request.body:
        return None
    if request.method == "POST" and request.meta.get(SENDS_FORM) is True:
        return request.body
    raise ValueError(f"only GET is ever sent, not {request.method}")


def _decoded(headers: Headers) -> list[tuple[str, str]]:
    # What `Headers.to_tuple_list` gives, without its detours: this is a tenth of a request's CPU.
    return [(name.decode(), value.decode()) for name, values in dict.items(headers) for value in values]


async def _only_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again at once, without a turn, when the connection was closed."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


def _raise_as_scrapy_does(error: TimeoutError | aiohttp.ClientError) -> NoReturn:
    match error:
        case TimeoutError():
            kind: type[Exception] = DownloadTimeoutError
        case aiohttp.ClientConnectorDNSError():
            kind = CannotResolveHostError
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            kind = DownloadConnectionRefusedError
        case aiohttp.ClientSSLError():
            kind = TlsFailedError
        case aiohttp.ClientPayloadError():
            kind = ResponseDataLossError
        case aiohttp.ClientResponseError():
            kind = NotHttpError
        case _:
            kind = DownloadFailedError
    raise kind(str(error)) from error
