"""What Scrapy logs about single pages: nothing, the outcome file has each of them."""

from __future__ import annotations

from typing import Any

from scrapy.logformatter import LogFormatter, LogFormatterResult


class QuietLogFormatter(LogFormatter):
    """Leaves out the two lines that would be formatted for every page, and thrown away at our log level."""

    def crawled(self, *_args: Any, **_kwargs: Any) -> LogFormatterResult | None:  # type: ignore[override]
        return None

    def scraped(self, *_args: Any, **_kwargs: Any) -> LogFormatterResult | None:  # type: ignore[override]
        return None
