"""The spider ``warm``: asks for each entry of the manifest, and once again for proof."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler import resolver
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
"""So many entries of a host may stay without a word about the site (a page may be broken) before the ticket counts as
refused; or, when another host's was accepted, before this host is taken for one that the site does not serve."""
Variants = tuple[Planned, ...]
"""What is left of an entry: the variant that is under way first."""
Steps = list[Request | Outcome]
"""What a callback gives to Scrapy."""

_BREATHE_EVERY: Final = 200
"""Entries that are left out are written down at once; after so many, others get their turn."""


class WarmSpider(Spider):
    """Streams the manifest: an entry is begun when an earlier one has ended, which keeps order and memory.

    The variants of an entry go one after another. Side by side they would all miss a page whose key is the same for
    all, and have it computed once for each; so the first stores it, and the others find it.
    """

    name = "warm"

    def __init__(self, run: WarmRun, *, owns_run: bool = False) -> None:
        super().__init__()
        self.run = run
        self._owns_run = owns_run
        self._room = asyncio.Semaphore(run.config.concurrency)
        self._hellos_left: defaultdict[str, int] = defaultdict(lambda: HELLO_TRIES if run.config.secret else 0)

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
        self._lead_names_to_the_release()
        try:
            await wait_until_ready(self.crawler.engine.download_async, self.run.config, self.run.target)
            async for request_or_outcome in self._go_through_plan():
                yield request_or_outcome
        except CacheWarmingError as error:
            self.run.fail(error)
            raise CloseSpider(type(error).__name__) from error

    def _lead_names_to_the_release(self) -> None:
        config, target = self.run.config, self.run.target
        if target.is_tls:
            from twisted.internet import reactor  # noqa: PLC0415 - Scrapy chooses which one, before the spider starts

            elsewhere = "" if target.serves(config.ready_url) else urlsplit(config.ready_url).hostname
            resolver.install(reactor, urlsplit(config.base_url).hostname or "", [elsewhere] if elsewhere else [])

    async def _go_through_plan(self) -> AsyncIterator[Request | Outcome]:
        for entry_number, variants in enumerate(self.run.planned()):
            if variants[0].is_excluded or not is_sendable(variants[0].entry.url):
                for planned in variants:
                    yield self._leave_out(planned)
                if entry_number % _BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
                continue
            await self._room.acquire()
            if self._is_deadline_over():
                return
            if self.run.is_stopping:
                raise CloseSpider("stopped")
            is_known = not self._hellos_left[variants[0].entry.host]
            for step in [self._first_request(variants)] if is_known else await self._say_hello(variants):
                yield step

    def _is_deadline_over(self) -> bool:
        self.run.is_deadline_over |= self.run.remaining_s() <= 0
        return self.run.is_deadline_over

    def _leave_out(self, planned: Planned) -> Outcome:
        self.run.conclude(planned)
        return skipped(planned, "excluded" if planned.is_excluded else "unsafe")

    def _first_request(self, variants: Variants, purpose: Purpose = Purpose.WARM, priority: int = 0) -> Request:
        return build_request(
            variants[0],
            self.run.target,
            timeout_s=self.run.config.timeout_s,
            callback=self.on_first,
            errback=self.on_first_error,
            purpose=purpose,
            priority=priority,
            cb_kwargs={"variants": variants},
        )

    async def _say_hello(self, variants: Variants) -> Steps:
        """Ask for a host's first page, and how the site sees us; its answer counts like any other."""
        entry = variants[0].entry
        self._hellos_left[entry.host] -= 1
        try:
            response = await self.crawler.engine.download_async(self._first_request(variants, Purpose.HELLO))
        except IgnoreRequest as stopped:
            raise CloseSpider("stopped") from stopped
        except Exception as error:  # every kind of failure is an answer here, an unknown one is raised again
            if (answer := answer_from_error(error)) is None:
                raise
            return self._after_first(variants, answer)
        answer = response.meta[ANSWER]
        if view := site_view(response):
            expected_uri = self.run.target.absolute_uri(entry.host, wire_target(entry.url))
            check_site(view, expected_uri, self.run.config, self.run.target)
            self.run.sites[entry.host or self.run.target.host] = view
            self._hellos_left[entry.host] = 0
        elif answer.status == 200 or not (self._hellos_left[entry.host] or self.run.sites):
            raise refused(answer, self.run.target)
        return self._after_first(variants, answer)

    def on_first(self, response: Response, variants: Variants) -> Steps:
        return self._after_first(variants, response.meta[ANSWER])

    def on_first_error(self, failure: Failure) -> Steps:
        answer = self._answer_of(failure)
        return self._after_first(answer=answer, **failure.request.cb_kwargs) if answer else []  # type: ignore[attr-defined]

    def _after_first(self, variants: Variants, answer: Answer) -> Steps:
        if not needs_second_request(answer):
            return self._conclude(variants, answer)
        self._leave_if_stopping()
        request = build_request(
            variants[0],
            self.run.target,
            timeout_s=self.run.config.timeout_s,
            callback=self.on_second,
            errback=self.on_second_error,
            priority=AHEAD_OF_FIRST_REQUESTS,
            cb_kwargs={"variants": variants, "first": answer},
        )
        return [request]

    def on_second(self, response: Response, variants: Variants, first: Answer) -> Steps:
        return self._conclude(variants, first, response.meta[ANSWER])

    def on_second_error(self, failure: Failure) -> Steps:
        answer = self._answer_of(failure)
        return self._conclude(second=answer, **failure.request.cb_kwargs) if answer else []  # type: ignore[attr-defined]

    def _answer_of(self, failure: Failure) -> Answer | None:
        """The answer that stands for a failure, or ``None`` when the run was stopped while the request waited."""
        if isinstance(failure.value, IgnoreRequest):
            self._leave_if_stopping()
            return None
        answer: Answer | None = failure.request.meta.get(ANSWER)  # type: ignore[attr-defined]
        if answer is None:
            failure.raiseException()
        return answer

    def _conclude(self, variants: Variants, first: Answer, second: Answer | None = None) -> Steps:
        """The outcome of the first of these variants, and the request for the next."""
        self.run.conclude(variants[0])
        outcome = judge(variants[0], first, second)
        if len(variants) > 1 and not self.run.is_stopping and not self._is_deadline_over():
            return [outcome, self._first_request(variants[1:], priority=AHEAD_OF_FIRST_REQUESTS)]
        self._room.release()
        return [outcome]

    def _leave_if_stopping(self) -> None:
        if self.run.is_stopping:
            raise CloseSpider("stopped")
