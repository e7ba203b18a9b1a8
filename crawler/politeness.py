"""The downloader middleware through which every request of the crawl passes: its turn, its ticket, its answer."""

from __future__ import annotations

from dataclasses import replace
from random import random
from time import monotonic, time
from typing import Final, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from url_manifests.errors import SiteProtectionError, TargetNotReadyError
from url_manifests.protocol import REFUSAL_HEADER, Refusal, refusal_in

from .answer import Answer, answer_from_error, answer_from_response
from .cache_watch import PROBE_EVERY_S
from .control import leave_to_visitors_s
from .overload import OPENS_AFTER, Circuit, CircuitBreaker, may_retry, pause_before_retry_s
from .pace import Pace, Stopped
from .readiness import site_view
from .requests import SENT_AT, WIRE, Wire, ticket_header
from .run import WarmRun, run_of

ANSWER: Final = "warm_answer"
"""Key in ``Request.meta`` under which the `Answer` lies once there is one, be it a response or a failure."""


class PolitenessMiddleware:
    """Sends at the allowed rate, signs, waits when the site asks for it, and stops when it suffers.

    Requests without a `Wire` (those that wait for the site to be ready) pass untouched.
    """

    def __init__(self, run: WarmRun) -> None:
        self._run = run
        self._breaker = CircuitBreaker()
        self._cache = run.cache
        self._others_in_a_row = 0
        load = run.load
        self._pace = Pace(lambda: load.rate, self._concurrency, is_stopping=lambda: run.is_stopping)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(run_of(crawler))

    async def process_request(self, request: Request) -> None:
        wire: Wire | None = request.meta.get(WIRE)
        if wire is None:
            return
        for leftover in (ANSWER, SENT_AT):
            request.meta.pop(leftover, None)
        try:
            await self._pace.turn()
        except Stopped as stopped:
            raise IgnoreRequest("the run was stopped") from stopped
        config = self._run.config
        if config.secret:
            # Signed now and not when the request was built: a ticket's time must not run while the request waits.
            name, value = ticket_header(
                wire, run_id=config.run_id, secret=config.secret, now_s=time(), timeout_s=config.timeout_s
            )
            request.headers[name] = value
        self._run.load.sent()
        request.meta[SENT_AT] = now_s = monotonic()
        self._run.traffic.count(now_s, is_full=0 < config.rate <= self._run.load.rate)

    def process_response(self, request: Request, response: Response) -> Response | Request:
        if WIRE not in request.meta:
            return response
        self._pace.done()
        if response.protocol:
            self._run.traffic.protocols[response.protocol] += 1
        self._obey_kill_switch(response)
        answer = self._of_this_release(answer_from_response(response, _elapsed_ms(request)), response)
        retry_after = response.headers.get(b"Retry-After") or b""
        return self._take(request, answer, retry_after.decode("latin-1")) or response

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        if SENT_AT in request.meta:
            self._pace.done()
        if WIRE not in request.meta or isinstance(exception, IgnoreRequest):
            return None
        answer = answer_from_error(exception, _elapsed_ms(request))
        return self._take(request, answer) if answer else None

    def _hold(self, seconds: float) -> None:
        if seconds:
            self._run.load.pause(self._pace.hold(seconds))
            self._run.traffic.pause()

    def _concurrency(self) -> int:
        is_well = self._breaker.state is Circuit.CLOSED and not self._cache.is_waiting
        return self._run.load.concurrency if is_well else 1

    def _obey_kill_switch(self, response: Response) -> None:
        said = (response.headers.get(REFUSAL_HEADER) or b"").decode("latin-1")
        if refusal_in(said) is Refusal.STOP:
            why = said.partition(";")[2].strip()[:200]
            self._run.fail(SiteProtectionError(f"the site's kill switch is on: {why or 'it does not say why'}"))
            raise IgnoreRequest("the run was stopped")

    def _of_this_release(self, answer: Answer, response: Response) -> Answer:
        """The answer, or that it does not count because another release gave it."""
        release = self._run.config.release
        view = site_view(response) if release else None
        if view is None or view.release == release:
            self._others_in_a_row = 0
            return answer
        self._others_in_a_row += 1
        if self._others_in_a_row >= OPENS_AFTER and self._run.sites:
            self._run.fail(TargetNotReadyError(f"release {view.release!r} answers again, not {release!r}; run again"))
        return Answer(
            status=answer.status, elapsed_ms=answer.elapsed_ms, reason="wrong-release", detail=view.release or "unknown"
        )

    def _take(self, request: Request, answer: Answer, retry_after: str = "") -> Request | None:
        """Note an answer for who asked; the request when it should be sent again."""
        request.meta[ANSWER] = answer
        wire: Wire = request.meta[WIRE]
        if answer.trace:
            self._run.writes.note(answer.trace)
            self._run.varying.note(wire, answer.trace)
        if self._cache.note(answer, request.meta[SENT_AT]) and (again := self._wait_for_cache(request)):
            return again
        self._run.load.note(answer, wire.route)
        if why := self._breaker.note(answer, request.meta[SENT_AT]):
            self._run.protect(why)
        self._run.times_opened = self._breaker.times_opened
        self._hold(max(self._breaker.open_s, leave_to_visitors_s(answer)))
        if not (answer.is_overload or answer.is_interrupted) or self._run.is_stopping:
            return None
        pause_s = pause_before_retry_s(answer, wire.attempt, retry_after, jitter=random())  # noqa: S311 - no secret
        if not self._may_come_back(answer, pause_s):
            return None
        self._hold(pause_s)
        request.meta[WIRE] = replace(wire, attempt=wire.attempt + 1)
        return request

    def _wait_for_cache(self, request: Request) -> Request | None:
        """The request, to be sent again when the site's cache may be back."""
        run = self._run
        if self._cache.is_waiting:
            # Without a cache nothing that is asked before the deadline would be kept.
            run.is_deadline_over |= run.remaining_s() <= PROBE_EVERY_S
            if run.must_leave():
                return None
            self._hold(PROBE_EVERY_S)
            return request
        if run.config.cache_down == "stop":
            waited_s = run.config.cache_wait_s
            run.protect(f"its cache does not answer, and did not within {waited_s:g} s (WARM_CACHE_WAIT)")
        return None

    def _may_come_back(self, answer: Answer, pause_s: float) -> bool:
        """Whether a request may be sent again; counted if so."""
        run = self._run
        is_in_time = pause_s < run.remaining_s()
        if answer.is_refusal:
            run.traffic.refused += 1
            # Nothing that is asked before would be answered.
            run.is_deadline_over |= not is_in_time
            return is_in_time and pause_s > 0
        if not (is_in_time and pause_s > 0 and may_retry(run.traffic.retries, run.traffic.sent)):
            return False
        run.traffic.retries += 1
        return True


def _elapsed_ms(request: Request) -> float:
    return (monotonic() - request.meta[SENT_AT]) * 1000 if SENT_AT in request.meta else 0.0
