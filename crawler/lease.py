"""One crawl of an environment at a time, across machines: a lock that the site keeps, where it can.

It is taken when the site is ready, renewed by a task of its own, and given back at the end; that of a killed run ends
by itself, or is taken over at once by a run that has the dead one's lock file (`crawler.lock`) locked. A site without
a store for it, or without the middleware, leaves it at the lock of this machine, and the report says so.

These requests pass by `crawler.politeness`: there are four in the time that the lock lasts, and a pause that the site
asks for must not cost the lock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from contextlib import suppress
from datetime import UTC, datetime
from time import time
from typing import Final

from scrapy import Request

from url_manifests.errors import AnotherRunError
from url_manifests.lease import LEASE_HEADER, LEASE_PATH, LeaseAnswer, LeaseClaim, LeaseState
from url_manifests.protocol import TICKET_HEADER, Purpose, Ticket, sign_ticket

from .answer import answer_from_error
from .download import TLS_NAME
from .downloader import Download
from .run import WarmRun
from .summary import MACHINE_ONLY
from .target import Target

logger = logging.getLogger(__name__)

HELD: Final = "site"
_BEATS_PER_TTL: Final = 4
"""Three may fail before the lock is anybody's."""
_LONGEST_ATTEMPT_S: Final = 10.0
_GIVE_BACK_WITHIN_S: Final = 1.0
"""A stop is obeyed within two seconds; a lock that is not given back runs out."""
_EXPIRY_S: Final = 60
"""How far the clocks of site and crawler may differ."""


class SiteLease:
    """See the module's description."""

    def __init__(self, run: WarmRun, download: Download) -> None:
        self._run = run
        self._download = download
        host = "".join(c for c in socket.gethostname() if "!" <= c <= "~")[:100]
        self._claim = LeaseClaim(
            env=run.config.env,
            token=secrets.token_hex(16),
            host=host,
            pid=os.getpid(),
            file=run.lock.identity,
            since_s=int(time()),
        )
        self._held: list[Target] = []
        self._beating: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Take it at every instance, or note why that is not possible.

        Raises:
            AnotherRunError: another run has it; says which, and since when.
        """
        ttl_s, problem = 0.0, ""
        for target in self._run.targets:
            answer = await self._ask(target, Purpose.LEASE)
            if answer.state is LeaseState.OTHER:
                await self.give_back()
                raise AnotherRunError(
                    f"another crawl of {self._run.config.env!r} is under way ({_holder(answer)}); wait for it, or stop "
                    f"it first; if it is dead, its lock at the site ends within {answer.ttl_s:g} s"
                )
            if answer.state is LeaseState.HELD:
                self._held.append(target)
                ttl_s = min(answer.ttl_s, ttl_s or answer.ttl_s)
            else:
                problem = problem or answer.detail
        self._run.lock_note = HELD if not problem else f"{MACHINE_ONLY}: {problem}"
        if problem:
            logger.info("A run on another machine would not be noticed: %s", problem)  # the summary says it, too
        if ttl_s:
            self._beating = asyncio.create_task(self._beat(ttl_s / _BEATS_PER_TTL))

    async def _beat(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            for target in self._held:
                answer = await self._ask(target, Purpose.LEASE)
                if answer.state is LeaseState.OTHER:
                    self._run.fail(AnotherRunError(f"the lock at the site was lost to {_holder(answer)}"))
                elif answer.state is not LeaseState.HELD:
                    logger.warning("The lock at the site could not be renewed: %s", answer.detail)

    async def give_back(self) -> None:
        """Let the next run begin at once."""
        if self._beating is not None:
            self._beating.cancel()
        held, self._held = self._held, []
        with suppress(TimeoutError):
            async with asyncio.timeout(_GIVE_BACK_WITHIN_S):
                for target in held:
                    await self._ask(target, Purpose.RELEASE)

    async def _ask(self, target: Target, purpose: Purpose) -> LeaseAnswer:
        config = self._run.config
        if not config.secret:
            return LeaseAnswer(state=LeaseState.UNUSABLE, detail="WARM_SECRET is not set")
        path = f"{LEASE_PATH}?{self._claim.query()}"
        ticket = Ticket(run_id=config.run_id, purpose=purpose, expires_at_s=int(time()) + _EXPIRY_S)
        signed = sign_ticket(ticket, secret=config.secret, host=target.host, target=path)
        request = Request(
            target.connect_url(path),
            headers=[*target.headers(), ("User-Agent", "django-cache-warming"), (TICKET_HEADER, signed)],
            meta={
                TLS_NAME: target.tls_name_of(),
                "verbatim_url": True,
                "download_timeout": min(config.timeout_s, _LONGEST_ATTEMPT_S),
            },
        )
        try:
            response = await self._download(request)
        except Exception as error:  # every kind of failure is an answer here, and an unknown one is raised again
            if (answer := answer_from_error(error)) is None:
                raise
            return LeaseAnswer(state=LeaseState.UNUSABLE, detail=f"the site does not answer ({answer.detail})")
        return _read(response.headers.get(LEASE_HEADER), response.status)


def _read(header: bytes | None, status: int) -> LeaseAnswer:
    if header is None:
        detail = f"the site keeps no lock (it answers {status}); is its release of django-cache-warming older?"
        return LeaseAnswer(state=LeaseState.UNUSABLE, detail=detail)
    try:
        return LeaseAnswer.decode(header.decode("ascii", "replace"))
    except ValueError as error:
        return LeaseAnswer(state=LeaseState.UNUSABLE, detail=f"the site's answer cannot be read ({error})")


def _holder(answer: LeaseAnswer) -> str:
    since = f", since {datetime.fromtimestamp(answer.since_s, UTC):%Y-%m-%d %H:%M:%S} UTC" if answer.since_s else ""
    return f"{answer.holder}{since}"
