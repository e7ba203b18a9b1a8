"""The spider ``warm``: asks for each entry of the manifest, and once again for proof."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler.answer import Answer, answer_from_error
from crawler.outcome import judge, needs_second_request, skipped
from crawler.plan import Planned
from crawler.politeness import ANSWER
from crawler.readiness import check_site, refused, site_view, wait_until_ready
from crawler.requests import AHEAD_OF_FIRST_REQUESTS, build_request, is_sendable, wire_target
from crawler.run import WarmRun
from url_manifests.errors import CacheWarmingError
from url_manifests.outcomes import Outcome
from url_manifests.protocol import Purpose

HELLO_TRIES: Final = 3
"""So many entries may stay without a word about the site (a page may be broken) before the ticket counts as refused."""
_BREATHE_EVERY: Final = 200
"""Entries that are left out are written down at once; after so many, others get their turn."""


class WarmSpider(Spider):
    """Streams the manifest: an entry is begun when an earlier one has ended, which keeps order and memory."""

    name = "warm"

    def __init__(self, run: WarmRun, *, owns_run: bool = False) -> None:
        super().__init__()
        self.run = run
        self._owns_run = owns_run
        self._room = asyncio.Semaphore(run.config.concurrency)
        self._hellos_left = HELLO_TRIES if run.config.secret else 0

    @classmethod
    def from_crawler(cls, crawler: Crawler, *_args: Any, run: WarmRun | None = None, **arguments: str) -> Self:
        """Called with a ``run`` by this project's ``scrapy crawl``, with ``-a`` arguments by anything else."""
        owns_run = run is None
        if run is None:
            run = WarmRun.prepare(arguments, os.environ, Path.cwd())
            run.open()
        spider = cls(run, owns_run=owns_run)
        spider._set_crawler(crawler)
        config = run.config
        for name, value in {
            "CONCURRENT_REQUESTS": config.concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": config.concurrency,
            "DOWNLOAD_MAXSIZE": config.max_bytes,
        }.items():
            crawler.settings.set(name, value, priority="spider")
        return spider

    def closed(self, _reason: str) -> None:
        if self._owns_run:
            self.run.finish()

    async def start(self) -> AsyncIterator[Request | Outcome]:
        """Wait for the site, then go through the plan."""
        try:
            await wait_until_ready(self.crawler.engine.download_async, self.run.config, self.run.target)
            async for request_or_outcome in self._go_through_plan():
                yield request_or_outcome
        except CacheWarmingError as error:
            self.run.fail(error)
            raise CloseSpider(type(error).__name__) from error

    async def _go_through_plan(self) -> AsyncIterator[Request | Outcome]:
        for planned in self.run.planned():
            if planned.is_excluded or not is_sendable(planned.entry.url):
                yield self._leave_out(planned)
                if planned.number % _BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
                continue
            await self._room.acquire()
            if self.run.remaining_s() <= 0:
                self.run.is_deadline_over = True
                return
            if self.run.is_stopping:
                raise CloseSpider("stopped")
            yield await self._say_hello(planned) if self._hellos_left else self._first_request(planned)

    def _leave_out(self, planned: Planned) -> Outcome:
        self.run.conclude(planned)
        return skipped(planned, "excluded" if planned.is_excluded else "unsafe")

    def _first_request(self, planned: Planned, purpose: Purpose = Purpose.WARM) -> Request:
        return build_request(
            planned,
            self.run.target,
            timeout_s=self.run.config.timeout_s,
            callback=self.on_first,
            errback=self.on_first_error,
            purpose=purpose,
            cb_kwargs={"planned": planned},
        )

    async def _say_hello(self, planned: Planned) -> Request | Outcome:
        """Ask for the first page, and how the site sees us; its answer counts like any other."""
        self._hellos_left -= 1
        try:
            response = await self.crawler.engine.download_async(self._first_request(planned, Purpose.HELLO))
        except IgnoreRequest as stopped:
            raise CloseSpider("stopped") from stopped
        except Exception as error:  # every kind of failure is an answer here, an unknown one is raised again
            if (answer := answer_from_error(error)) is None:
                raise
            return self._after_first(planned, answer)
        answer = response.meta[ANSWER]
        if view := site_view(response):
            expected_uri = self.run.target.absolute_uri(planned.entry.host, wire_target(planned.entry.url))
            check_site(view, expected_uri, self.run.config, self.run.target)
            self.run.site = view
            self._hellos_left = 0
        elif answer.status == 200 or not self._hellos_left:
            raise refused(answer, self.run.target)
        return self._after_first(planned, answer)

    def on_first(self, response: Response, planned: Planned) -> Request | Outcome:
        return self._after_first(planned, response.meta[ANSWER])

    def on_first_error(self, failure: Failure) -> Request | Outcome | None:
        answer, planned, _ = self._failed_request(failure)
        return self._after_first(planned, answer) if answer else None

    def _after_first(self, planned: Planned, first: Answer) -> Request | Outcome:
        if not needs_second_request(first):
            return self._conclude(planned, first)
        self._leave_if_stopping()
        return build_request(
            planned,
            self.run.target,
            timeout_s=self.run.config.timeout_s,
            callback=self.on_second,
            errback=self.on_second_error,
            priority=AHEAD_OF_FIRST_REQUESTS,
            cb_kwargs={"planned": planned, "first": first},
        )

    def on_second(self, response: Response, planned: Planned, first: Answer) -> Outcome:
        return self._conclude(planned, first, response.meta[ANSWER])

    def on_second_error(self, failure: Failure) -> Outcome | None:
        answer, planned, first = self._failed_request(failure)
        return self._conclude(planned, first, answer) if answer else None

    def _failed_request(self, failure: Failure) -> tuple[Answer | None, Planned, Any]:
        """The answer that stands for a failure, or ``None`` when the run was stopped while the request waited."""
        request: Request = failure.request  # type: ignore[attr-defined]
        if isinstance(failure.value, IgnoreRequest):
            self._leave_if_stopping()
            return None, request.cb_kwargs["planned"], None
        answer = request.meta.get(ANSWER)
        if answer is None:
            failure.raiseException()
        return answer, request.cb_kwargs["planned"], request.cb_kwargs.get("first")

    def _conclude(self, planned: Planned, first: Answer, second: Answer | None = None) -> Outcome:
        self.run.conclude(planned)
        self._room.release()
        return judge(planned, first, second)

    def _leave_if_stopping(self) -> None:
        if self.run.is_stopping:
            raise CloseSpider("stopped")
