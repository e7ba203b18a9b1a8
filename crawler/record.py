"""The item pipeline: every outcome is counted and written down as soon as it is known."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.statscollectors import StatsCollector

from url_manifests.outcomes import Outcome

from .run import WarmRun, run_of


class RecordOutcomes:
    """Counts under ``warm/<result>`` and ``warm/reason/<reason>``; see `WarmRun.record` for the rest."""

    def __init__(self, run: WarmRun, stats: StatsCollector) -> None:
        self._run = run
        self._stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(run_of(crawler), crawler.stats)

    def process_item(self, item: Outcome) -> Outcome:
        self._run.record(item)
        self._stats.inc_value(f"warm/{item.result}")
        if item.reason:
            self._stats.inc_value(f"warm/reason/{item.reason}")
        return item

    def close_spider(self) -> None:
        self._stats.set_value("warm/requests", self._run.requests_sent)
        self._stats.set_value("warm/retries", self._run.retries)
