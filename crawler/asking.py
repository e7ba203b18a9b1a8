"""Asking, and the first requests to each host: how does the site see us?"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from time import monotonic
from typing import Final

from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from url_manifests.errors import SiteProtectionError
from url_manifests.protocol import REFUSAL_HEADER, Purpose

from .answer import Answer
from .downloader import Download
from .pace import Stopped
from .plan import Planned
from .politeness import ANSWER
from .readiness import POLL_EVERY_S, check_site, refused, site_view
from .requests import build_request
from .run import WarmRun
from .wire import wire_target

HELLO_TRIES: Final = 3
"""So many entries of a host may stay without a word about the site (a page may be broken) before the ticket counts as
refused; or, when another host's was accepted, before this host is taken for one that the site does not serve."""


async def ask(download: Download, request: Request) -> tuple[Answer, Response | None]:
    """The answer to a request, with its response if there was one.

    Raises:
        Stopped: the run was stopped while the request waited.
    """
    try:
        response = await download(request)
    except IgnoreRequest as stopped:
        raise Stopped from stopped
    except Exception:  # every kind of failure is an answer here, one that is none is raised again
        if ANSWER not in request.meta:
            raise
        response = None
    return request.meta[ANSWER], response


class Handshake:
    """Asks with each host's first page how the site sees us, and compares it with what visitors have."""

    def __init__(self, run: WarmRun) -> None:
        self._run = run
        self._left: defaultdict[str, int] = defaultdict(lambda: HELLO_TRIES if run.config.secret else 0)
        self._one_at_a_time = asyncio.Lock()

    async def shake_if_due(self, planned: Planned, download: Download) -> Answer | None:
        """The answer to a first request, or ``None`` when the host was met already; others wait until it was.

        Raises:
            ConfigurationError, TargetNotReadyError: see `_shake`.
            Stopped: the run was stopped meanwhile.
        """
        if not self._left[planned.entry.host]:
            return None
        async with self._one_at_a_time:
            return await self._shake(planned, download) if self._left[planned.entry.host] else None

    async def _shake(self, planned: Planned, download: Download) -> Answer:
        """Ask for a page; its answer counts like any other.

        Raises:
            ConfigurationError: the site does not accept the ticket, or sees us in another way than visitors.
            TargetNotReadyError: another release answers, and still does after ``WARM_READY_TIMEOUT``.
            SiteProtectionError: the site knows the ticket, and has no time for us.
        """
        run, host = self._run, planned.entry.host
        self._left[host] -= 1
        answer, response = await self._ask_the_right_release(planned, download)
        if response is not None and (view := site_view(response)):
            expected_uri = run.target.absolute_uri(host, wire_target(planned.entry.url))
            check_site(view, expected_uri, run.config, run.target)
            run.sites[host or run.target.host] = view
            self._left[host] = 0
        elif response is not None and REFUSAL_HEADER in response.headers:
            if not self._left[host] or run.must_leave():
                why = (response.headers[REFUSAL_HEADER] or b"").decode("latin-1")[:200]
                raise SiteProtectionError(f"the site refuses warm requests ({why}); run again when visitors are well")
        elif response is not None and (answer.status == 200 or not (self._left[host] or run.sites)):
            raise refused(answer, run.target)
        return answer

    async def _ask_the_right_release(self, planned: Planned, download: Download) -> tuple[Answer, Response | None]:
        """Ask again while another release answers, or one that says nothing about itself, as old ones may."""
        config = self._run.config
        give_up_at_s = monotonic() + config.ready_timeout_s
        while True:
            inspector = self._run.inspector
            request = build_request(
                planned,
                self._run.target,
                timeout_s=config.timeout_s,
                purpose=Purpose.HELLO,
                keep_bytes=inspector.keep_bytes(planned),
            )
            answer, response = await ask(download, request)
            view = site_view(response) if response is not None else None
            is_right = not config.release or (view is not None and view.release == config.release)
            if is_right or monotonic() + POLL_EVERY_S >= give_up_at_s:
                return inspector.look(planned, answer, response), response
            await asyncio.sleep(POLL_EVERY_S)
