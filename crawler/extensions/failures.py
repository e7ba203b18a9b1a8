"""Ends the run when this program itself fails: Scrapy would log the exception, go on, and call it a success."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import Crawler
from twisted.python.failure import Failure

from crawler.run import WarmRun, run_of
from url_manifests.errors import CacheWarmingError


class Failures:
    """Listens for exceptions in callbacks and in the pipeline; the traceback is in the log, the rest in the report."""

    def __init__(self, crawler: Crawler, run: WarmRun) -> None:
        self._crawler = crawler
        self._run = run
        self._closing: asyncio.Task[None] | None = None
        crawler.signals.connect(self._on_error, signal=signals.spider_error)
        crawler.signals.connect(self._on_error, signal=signals.item_error)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler, run_of(crawler))

    def _on_error(self, failure: Failure, **_: Any) -> None:
        what = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
        self._run.fail(CacheWarmingError(f"unexpected {what} (the log has more)"))
        if self._closing is None:
            # A task is only kept alive by whoever keeps a reference to it.
            self._closing = asyncio.ensure_future(self._crawler.engine.close_spider_async(reason="error"))
