"""The item pipeline: every outcome is counted and written down as soon as it is known."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.statscollectors import StatsCollector

from url_manifests.outcomes import Outcome

from .run import WarmRun, run_of


class RecordOutcomes:
    """See `crawler.ledger`. At the end, ``warm/<result>`` and ``warm/reason/<reason>`` are in Scrapy's statistics."""

    def __init__(self, run: WarmRun, stats: StatsCollector) -> None:
        self._run = run
        self._stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(run_of(crawler), crawler.stats)

    def process_item(self, item: Outcome) -> Outcome:
        self._run.ledger.record(item)
        return item

    def close_spider(self) -> None:
        run, report = self._run, self._run.report
        counts = {
            **{str(result): count for result, count in report.results.items()},
            **{f"reason/{reason}": count for reason, count in report.reasons.items()},
            "requests": run.traffic.sent,
            "retries": run.traffic.retries,
            "refused": run.traffic.refused,
        }
        for name, count in counts.items():
            self._stats.set_value(f"warm/{name}", count)
