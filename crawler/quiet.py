"""What Scrapy logs about single pages: nothing, the outcome file has each of them."""

from __future__ import annotations

import logging
from typing import Any, Self

from scrapy.crawler import Crawler
from scrapy.logformatter import LogFormatter, LogFormatterResult


class QuietLogFormatter(LogFormatter):
    """Leaves out the two lines that would be formatted for every page, and thrown away at our log level."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        # It warns of each response that is too large or cut, in words about Scrapy's settings; those are outcomes here.
        logging.getLogger("scrapy.core.downloader.handlers.http11").setLevel(logging.ERROR)
        return super().from_crawler(crawler)

    def crawled(self, *_args: Any, **_kwargs: Any) -> LogFormatterResult | None:  # type: ignore[override]
        return None

    def scraped(self, *_args: Any, **_kwargs: Any) -> LogFormatterResult | None:  # type: ignore[override]
        return None
