"""Scrapy's downloader for the crawl: middlewares and download handlers as ever, without its queues.

The spider has no more requests under way than it may have, and `crawler.pace` hands out turns: there is nothing to
queue. So the spider awaits `UnqueuedDownloader.download` itself, and spares each request the way through Scrapy's
engine and slots, which takes as much CPU as the request.
"""

from __future__ import annotations

from typing import Protocol

from scrapy import Request, signals
from scrapy.core.downloader.handlers import DownloadHandlers
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.defer import deferred_from_coro
from scrapy.utils.misc import build_from_crawler
from twisted.internet.defer import Deferred


class Download(Protocol):
    """How a request is asked."""

    async def __call__(self, request: Request, /) -> Response: ...


class UnqueuedDownloader:
    """What Scrapy's engine wants of a ``DOWNLOADER``, and `download` for the spider."""

    def __init__(self, crawler: Crawler) -> None:
        self.active: set[Request] = set()
        self._crawler = crawler
        self._handlers = DownloadHandlers(crawler)
        self._middleware = build_from_crawler(DownloaderMiddlewareManager, crawler)

    async def download(self, request: Request) -> Response:
        """The response to a request, or to that which a middleware sends in its place."""
        result: Response | Request = request
        while isinstance(result, Request):
            request = result
            result = await self._middleware.download_async(self._handlers.download_request_async, request)
        result.request = request
        self._crawler.signals.send_catch_log(
            signals.response_received, response=result, request=request, spider=self._crawler.spider
        )
        return result

    def fetch(self, request: Request) -> Deferred[Response]:
        """The same for the engine, should anything else in the project ask it."""
        return deferred_from_coro(self.download(request))

    def needs_backout(self) -> bool:
        return False

    def close(self) -> None:
        pass
