"""The spider ``warm``: asks for each entry of the manifest, and once again for proof."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final, Self

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider

from crawler.answer import Answer
from crawler.asking import Handshake, ask
from crawler.downloader import Download, UnqueuedDownloader
from crawler.late import LateCheck
from crawler.lease import SiteLease
from crawler.outcome import skipped
from crawler.pace import Stopped
from crawler.plan import Planned
from crawler.readiness import wait_until_ready
from crawler.requests import build_request
from crawler.run import WarmRun
from crawler.sign_in import sign_in
from crawler.target import Target
from crawler.visit import Visit
from url_manifests.errors import CacheWarmingError, VerificationError
from url_manifests.outcomes import Outcome

_LOOK_FOR_STOP_S: Final = 0.25
_GRACE_S: Final = 1.0
"""How long answers that are under way may still come; all in all, a stop is obeyed within two seconds."""

_BREATHE_EVERY: Final = 200
"""What needs no request is passed over at once; after so many entries, others get their turn."""


class WarmSpider(Spider):
    """Streams the manifest: an entry is begun when an earlier one has ended, which keeps order and memory.

    What is asked for an entry, and what comes of it, is a `Visit`'s business. Its requests pass through the downloader
    and its middlewares, and its outcomes through the item pipelines, but not through Scrapy's scheduler, which has
    nothing to decide: the plan says what comes next, and each request waits for the answer to the one before.
    """

    name = "warm"
    custom_settings = {  # noqa: RUF012 - Scrapy's name and type
        # Not in `crawler.settings`: bodies are dropped, and other spiders of a user's project read theirs.
        "DOWNLOADER": "crawler.downloader.UnqueuedDownloader",
        "DOWNLOAD_HANDLERS": dict.fromkeys(("http", "https"), "crawler.download.AiohttpDownloadHandler"),
    }

    def __init__(self, run: WarmRun, *, owns_run: bool = False) -> None:
        super().__init__()
        self.run = run
        self._owns_run = owns_run
        self._handshake = Handshake(run)
        self._lease: SiteLease | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *_args: Any, run: WarmRun | None = None, **arguments: str) -> Self:
        """Called with a ``run`` by this project's ``scrapy crawl``, with ``-a`` arguments by anything else."""
        owns_run = run is None
        if run is None:
            run = WarmRun.prepare(arguments, os.environ, Path.cwd())
            run.open()
        run.is_wanted = lambda: bool(crawler.crawling)
        spider = cls(run, owns_run=owns_run)
        spider._set_crawler(crawler)
        config = run.config
        for name, value in {
            "CONCURRENT_REQUESTS": config.concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": config.concurrency,
            "DOWNLOAD_MAXSIZE": config.max_bytes,
        }.items():
            crawler.settings.set(name, value, priority="spider")
        if config.http2:
            handlers = dict.fromkeys(("http", "https"), "crawler.http2.Http2DownloadHandler")
            crawler.settings.set("DOWNLOAD_HANDLERS", handlers, priority="spider")
        return spider

    async def closed(self, _reason: str) -> None:
        """Scrapy waits for it, however the crawl ended, and closes connections afterwards."""
        if self._stopping is not None:
            self._stopping.cancel()
        if self._lease is not None:
            await self._lease.give_back()
        if self._owns_run:
            self.run.finish()

    async def start(self) -> AsyncIterator[Any]:
        """Wait for the site, go through the plan, look again. Nothing is left for Scrapy to schedule."""
        self._stopping = asyncio.create_task(self._heed_stops())
        try:
            for target in self.run.targets:
                await wait_until_ready(self._download, self.run.config, target)
            self._lease = SiteLease(self.run, self._download)
            await self._lease.take()
            if self.run.config.sign_in_as:
                self.run.visitors.sign_in(await sign_in(self.run, self._download))
            await self._go_through_plan()
            await self._look_again()
        except CacheWarmingError as error:
            self.run.fail(error)
            raise CloseSpider(type(error).__name__) from error
        except Stopped as stopped:
            raise CloseSpider("stopped") from stopped
        return
        yield  # what makes this the generator that Scrapy wants

    @property
    def _download(self) -> Download:
        downloader = self.crawler.engine.downloader
        assert isinstance(downloader, UnqueuedDownloader), "DOWNLOADER is a setting of this spider"
        return downloader.download

    async def _go_through_plan(self) -> None:
        """Work on as many entries at once as requests are allowed at once.

        When Scrapy is told to stop, it cancels us, and what is under way is given up.
        """
        entries = self.run.agenda.planned()
        await asyncio.gather(*(self._work(entries) for _ in range(self.run.config.concurrency)))
        if self.run.is_stopping:
            raise Stopped

    async def _heed_stops(self) -> None:
        """Cut short what is under way when the run is to stop; a page may take half a minute to answer."""
        while not self.run.is_stopping:
            await asyncio.sleep(_LOOK_FOR_STOP_S)
            self.run.heed_stop_file()
        await asyncio.sleep(_GRACE_S)
        # A task of its own, for `closed` cancels this one.
        self._closing = asyncio.create_task(self.crawler.stop_async())

    async def _work(self, entries: Iterator[tuple[Planned, ...]]) -> None:
        try:
            while not self.run.must_leave():
                if visit := self.run.parked.due():
                    await self._end(visit)
                    continue
                if not self._has_time() or (variants := next(entries, None)) is None:
                    break
                if not variants:
                    await self._breathe()
                elif variants[0].left_out:
                    await self._leave_out(variants)
                else:
                    await self._begin(Visit(variants, self.run.visitors))
            # The deadline is for what is begun: what was filled is still proven, which `_has_time` left time for.
            while visit := self.run.parked.next():
                await self._end(visit)
        except CacheWarmingError as error:
            self.run.fail(error)
        except Stopped:
            pass  # what is left is recorded when the run is finished

    async def _leave_out(self, variants: tuple[Planned, ...]) -> None:
        for planned in variants:
            await self._record(planned, skipped(planned, planned.left_out))
        await self._breathe()

    async def _breathe(self) -> None:
        if self.run.agenda.entries_begun % _BREATHE_EVERY == 0:
            await asyncio.sleep(0)

    def _has_time(self) -> bool:
        """Whether what was filled can still be proven before the deadline when one more entry is begun."""
        run = self.run
        rate = run.traffic.rate
        run.is_deadline_over |= bool(rate) and run.remaining_s() <= run.parked.requests / rate
        return not run.is_deadline_over

    async def _begin(self, visit: Visit) -> None:
        """Fill what can be filled, and let the proof wait where it may."""
        while (planned := visit.to_fill) and not self.run.must_leave():
            visit.fill(await self._ask(planned))
        if visit.requests_left == 0 or not self.run.parked.park(visit):
            await self._end(visit)

    async def _end(self, visit: Visit) -> None:
        await self._visit(visit)
        await self._visit_what_they_load(visit.variants)

    async def _visit(self, visit: Visit) -> None:
        """Ask for one entry, variant by variant, until all is known about it."""
        while not visit.is_over and not (visit.is_between_variants and self.run.must_leave()):
            planned = visit.current
            if outcome := visit.settled() or visit.take(await self._ask(visit.next)):
                await self._record(planned, await self.run.every_worker.make_sure(planned, outcome, self._ask_at))

    async def _visit_what_they_load(self, pages: tuple[Planned, ...]) -> None:
        found = deque(self.run.agenda.discovered(pages))
        while found and not self.run.must_leave():
            planned = found.popleft()
            if planned.left_out:
                await self._record(planned, skipped(planned, planned.left_out))
            else:
                await self._visit(Visit([planned], self.run.visitors))
                found.extend(self.run.agenda.discovered((planned,)))

    async def _ask_at(self, planned: Planned, target: Target) -> Answer:
        run = self.run
        request = build_request(planned, target, timeout_s=run.config.timeout_s, purpose=run.purpose)
        answer, _ = await ask(self._download, request)
        return answer

    async def _ask(self, planned: Planned) -> Answer:
        if answer := await self._handshake.shake_if_due(planned, self._download):
            return answer
        run = self.run
        request = build_request(
            planned,
            run.target,
            timeout_s=run.config.timeout_s,
            purpose=run.purpose,
            keep_bytes=run.inspector.keep_bytes(planned),
        )
        return run.inspector.look(planned, *await ask(self._download, request))

    async def _record(self, planned: Planned, outcome: Outcome) -> None:
        """Hand an outcome to the item pipelines, and wait until it is recorded.

        Not by way of the scraper: a stop that comes while it sends its signal has it wait for ever (Scrapy 2.19).
        """
        self.run.agenda.conclude(planned)
        await self.crawler.engine.scraper.itemproc.process_item_async(outcome)
        await self.crawler.signals.send_catch_log_async(signals.item_scraped, item=outcome, response=None, spider=self)
        if outcome.reason == "leak":
            raise leak_error(outcome)

    async def _look_again(self) -> None:
        """Check at the end of the run."""
        if self.run.config.verify != "none":
            await LateCheck(self.run, self._ask).verify()


def leak_error(outcome: Outcome) -> VerificationError:
    """What ends a run in which a visitor got what another one's session had stored."""
    return VerificationError(
        f"{outcome.host}{outcome.url} serves to others what it stored for a signed-in visitor ({outcome.detail}); take "
        "it out of the cache and make it vary on Cookie, before anything else"
    )
