"""The spider ``warm``: asks for each entry of the manifest, and once again for proof."""

from __future__ import annotations

import asyncio
import os
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
from crawler.answer import Answer
from crawler.asking import Handshake, ask
from crawler.late import LateCheck
from crawler.outcome import skipped
from crawler.plan import Planned
from crawler.politeness import ANSWER
from crawler.readiness import wait_until_ready
from crawler.requests import AHEAD_OF_FIRST_REQUESTS, build_request
from crawler.run import WarmRun
from crawler.visit import Visit
from url_manifests.errors import CacheWarmingError, VerificationError
from url_manifests.outcomes import Outcome

_RECORDED_WITHIN_S: Final = 0.01
_BREATHE_EVERY: Final = 200
"""Entries that are left out are written down at once; after so many, others get their turn."""

Steps = list[Request | Outcome]
"""What a callback gives to Scrapy."""


class WarmSpider(Spider):
    """Streams the manifest: an entry is begun when an earlier one has ended, which keeps order and memory.

    What is asked for an entry, and what comes of it, is a `Visit`'s business.
    """

    name = "warm"

    def __init__(self, run: WarmRun, *, owns_run: bool = False) -> None:
        super().__init__()
        self.run = run
        self._owns_run = owns_run
        self._room = asyncio.Semaphore(run.config.concurrency)
        self._handshake = Handshake(run)

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
            await self._look_again()
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
            if variants[0].left_out:
                for planned in variants:
                    yield self._leave_out(planned)
                if entry_number % _BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
                continue
            await self._room.acquire()
            if self._is_deadline_over():
                self._room.release()
                return
            if self.run.is_stopping:
                raise CloseSpider("stopped")
            for step in await self._begin(Visit(variants, self.run.visitors)):
                yield step

    def _is_deadline_over(self) -> bool:
        self.run.is_deadline_over |= self.run.remaining_s() <= 0
        return self.run.is_deadline_over

    def _leave_out(self, planned: Planned) -> Outcome:
        self.run.conclude(planned)
        return skipped(planned, planned.left_out)

    async def _begin(self, visit: Visit) -> Steps:
        if not self._handshake.is_due(visit.current.entry.host):
            return [self._request(visit)]
        return self._take(visit, await self._handshake.shake(visit.next, self.crawler.engine.download_async))

    def _request(self, visit: Visit, priority: int = 0) -> Request:
        return build_request(
            visit.next,
            self.run.target,
            timeout_s=self.run.config.timeout_s,
            callback=self.on_answer,
            errback=self.on_error,
            purpose=self.run.purpose,
            priority=priority,
            cb_kwargs={"visit": visit},
        )

    def on_answer(self, response: Response, visit: Visit) -> Steps:
        return self._take(visit, response.meta[ANSWER])

    def on_error(self, failure: Failure) -> Steps:
        request: Request = failure.request  # type: ignore[attr-defined]
        if isinstance(failure.value, IgnoreRequest):
            # The run was stopped while the request waited.
            self._leave_if_stopping()
            return []
        answer: Answer | None = request.meta.get(ANSWER)
        if answer is None:
            failure.raiseException()
        return self._take(request.cb_kwargs["visit"], answer)

    def _take(self, visit: Visit, answer: Answer) -> Steps:
        """The outcome of a variant, if that is known now, and the next request of the entry, if there is one."""
        planned = visit.current
        steps: Steps = []
        if outcome := visit.take(answer):
            self.run.conclude(planned)
            if outcome.reason == "leak":
                self.run.fail(leak_error(outcome))
            steps.append(outcome)
        else:
            self._leave_if_stopping()
        is_left = visit.is_between_variants and (self.run.is_stopping or self._is_deadline_over())
        if visit.is_over or is_left:
            self._room.release()
            return steps
        return [*steps, self._request(visit, AHEAD_OF_FIRST_REQUESTS)]

    def _leave_if_stopping(self) -> None:
        if self.run.is_stopping:
            raise CloseSpider("stopped")

    async def _look_again(self) -> None:
        """Check at the end of the run, once everything is recorded."""
        if self.run.config.verify == "none":
            return
        for _ in range(self.run.config.concurrency):
            await self._room.acquire()
        while self.run.is_recording and not self.run.is_stopping:
            await asyncio.sleep(_RECORDED_WITHIN_S)
        self._leave_if_stopping()
        await LateCheck(self.run, self._ask).verify()

    async def _ask(self, planned: Planned) -> Answer:
        config = self.run.config
        request = build_request(planned, self.run.target, timeout_s=config.timeout_s, purpose=self.run.purpose)
        answer, _ = await ask(self.crawler.engine.download_async, request)
        return answer


def leak_error(outcome: Outcome) -> VerificationError:
    """What ends a run in which a visitor got what another one's session had stored."""
    return VerificationError(
        f"{outcome.host}{outcome.url} serves to others what it stored for a signed-in visitor ({outcome.detail}); take "
        "it out of the cache and make it vary on Cookie, before anything else"
    )
