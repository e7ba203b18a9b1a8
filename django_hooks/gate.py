"""Where a warm request is let in or turned away: measures, asks `admission` and `killswitch`, and says so.

All of it happens on behalf of a warm request and is paid by it; a live request never comes by here. What blocks (the
cache, a database) is asked a few times a second at most, and remembered in between.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from math import ceil
from time import monotonic
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache import caches
from django.http import HttpResponse

from url_manifests.errors import ConfigurationError, UnknownNameError
from url_manifests.protocol import REFUSAL_HEADER, Refusal

from . import conf, stores
from .admission import Hold, LatencyWatch, Limits, Readings, retry_after, suffering
from .backlog import Backlog
from .database_wait import DatabaseWait
from .killswitch import StopSwitch
from .live import LiveTraffic

logger = logging.getLogger(__name__)

MEASURE_EVERY_S: Final = 0.1
LISTEN_EVERY_S: Final = 0.5
_LAG_PROBE_S: Final = 0.05
_LAG_WITHIN_S: Final = 1.0

turned_away: Counter[str] = Counter()
"""Warm requests that were refused although their ticket was good, by `Refusal`, since this process started."""


def limits() -> Limits | None:
    """The limits of ``ADMISSION``, or ``None`` when it is off.

    Raises:
        ConfigurationError: a limit is unknown, no number, or negative.
    """
    configured = conf.get("ADMISSION")
    if isinstance(configured, bool):
        return Limits() if configured else None
    for name, value in configured.items():
        path = f"{conf.setting_path('ADMISSION')}[{name!r}]"
        if name not in Limits.__slots__:
            raise ConfigurationError(path, f"is unknown; known are {', '.join(Limits.__slots__)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise ConfigurationError(path, f"must be a number from 0 on, is {value!r}")
    return Limits(**configured)


def problems() -> Iterator[ConfigurationError]:
    """What is wrong with the settings of this module and of `killswitch`."""
    try:
        limits()
    except ConfigurationError as error:
        yield error
    if (alias := conf.get("CONTROL_CACHE")) not in settings.CACHES:
        yield UnknownNameError(conf.setting_path("CONTROL_CACHE"), alias, settings.CACHES)


class Gate:
    """The gate of one process.

    Args:
        limits: ``None`` leaves nothing but the kill switch.
        clock: monotonic seconds; tests pass their own.
    """

    def __init__(self, limits: Limits | None, live: LiveTraffic, clock: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._live = live
        self._clock = clock
        self._latency = LatencyWatch()
        self._database = DatabaseWait(clock)
        self._backlog = Backlog(clock)
        self._hold = Hold()
        self._switch = StopSwitch(clock)
        self._lag = LoopLag()
        self._one_at_a_time = threading.Lock()
        self._measured_at_s = self._listened_at_s = float("-inf")
        self.readings = Readings()
        """What was measured last."""

    def refusal(self) -> HttpResponse | None:
        """The answer to a warm request that may not come in; ``None`` for one that may. May block."""
        self._live.attend()
        if why := self._switch.requested():
            return _refused(Refusal.STOP, why)
        if self._limits is None:
            return None
        self._measure(self._limits)
        left_s = self._hold.left_s(self._clock())
        return _refused(Refusal.BUSY, self._hold.why, retry_after(left_s)) if left_s else None

    async def refusal_async(self) -> HttpResponse | None:
        """The same on an event loop, which it watches from now on."""
        self._lag.attend()
        if self._switch.is_due or self._is_due():
            return await sync_to_async(self.refusal)()
        return self.refusal()

    def told(self) -> dict[str, float]:
        """What the traces of those that were let in say about the load."""
        seen = self.readings
        told = {
            # A health check now and then is none: the ratio is known from several live requests within seconds.
            "visitors": int(seen.in_flight > 0 or seen.latency_ratio > 0),
            "in_flight": seen.in_flight,
            "waiting": seen.waiting,
            "latency_ratio": round(seen.latency_ratio, 2),
        }
        return {name: value for name, value in told.items() if value}

    def _is_due(self) -> bool:
        now_s = self._clock()
        is_due = now_s - self._measured_at_s >= MEASURE_EVERY_S
        return self._limits is not None and is_due and not self._hold.left_s(now_s)

    def _measure(self, limits: Limits) -> None:
        """Look anew if it is time, and nobody else is at it."""
        if not self._is_due() or not self._one_at_a_time.acquire(blocking=False):
            return
        try:
            now_s = self._measured_at_s = self._clock()
            self.readings = self._read(limits, now_s)
            if why := suffering(self.readings, limits):
                is_hearsay = bool(self.readings.elsewhere)
                self._hold.begin(why, now_s, is_hearsay=is_hearsay)
                left_s = self._hold.left_s(now_s)
                logger.warning("cache_warming.held_back why=%s for_s=%g", why, left_s)
                if not is_hearsay:
                    self._tell_host(why, left_s)
        finally:
            self._one_at_a_time.release()

    def _read(self, limits: Limits, now_s: float) -> Readings:
        ratio = self._latency.ratio(self._live.taken(), now_s)
        has_visitors = self._live.in_flight > 0
        return Readings(
            live_ago_s=self._live.ago_s(now_s),
            in_flight=self._live.in_flight,
            waiting=self._backlog.waiting() if limits.waiting else 0,
            latency_ratio=ratio,
            loop_lag_s=self._lag.worst_s(),
            # Connections are only opened for somebody's sake.
            database_wait_s=self._database.seconds() if limits.database_wait_s and (has_visitors or ratio) else 0.0,
            load=os.getloadavg()[0] / (os.cpu_count() or 1) if limits.load else 0.0,
            elsewhere=self._elsewhere(now_s),
        )

    def _elsewhere(self, now_s: float) -> str:
        if now_s - self._listened_at_s < LISTEN_EVERY_S:
            return ""
        self._listened_at_s = now_s
        try:
            said = str(caches[conf.get("CONTROL_CACHE")].get(_host_key()) or "")
        except Exception as error:  # noqa: BLE001 - a backend may raise anything; its silence is no reason to refuse
            logger.warning("cache_warming.host_unknown error=%s", stores.describe(error))
            return ""
        by, _, why = said.partition(" ")
        return "" if by == self._name else why[:200]

    def _tell_host(self, why: str, for_s: float) -> None:
        """Let the other processes of this host know for as long as this one holds back."""
        try:
            caches[conf.get("CONTROL_CACHE")].set(_host_key(), f"{self._name} {why}", ceil(for_s))
        except Exception as error:  # noqa: BLE001 - as above; this process holds back all the same
            logger.warning("cache_warming.host_not_told error=%s", stores.describe(error))

    @property
    def _name(self) -> str:
        return f"{os.getpid()}-{id(self)}"


def _host_key() -> str:
    return f"cache_warming:suffering:{socket.gethostname()}"


def _refused(refusal: Refusal, why: str, after: str = "") -> HttpResponse:
    turned_away[refusal] += 1
    response = HttpResponse(f"{refusal}: {why}\n", status=503, content_type="text/plain; charset=utf-8")
    response.headers[REFUSAL_HEADER] = f"{refusal}; {why.encode('ascii', 'replace').decode()}"
    response.headers["Cache-Control"] = "no-store"
    if after:
        response.headers["Retry-After"] = after
    # Django would log each as an error of the site, and mail it to its admins.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - what log_response looks at
    return response


class LoopLag:
    """How late an event loop comes to what is due, watched for a second after each warm request."""

    def __init__(self) -> None:
        self._loop: Any = None
        self._until_s = 0.0
        self._found: deque[tuple[float, float]] = deque(maxlen=round(_LAG_WITHIN_S / _LAG_PROBE_S))

    def attend(self) -> None:
        """Watch the running loop from now on."""
        loop = asyncio.get_running_loop()
        is_watched = loop is self._loop and loop.time() < self._until_s + _LAG_PROBE_S
        self._until_s = loop.time() + _LAG_WITHIN_S
        if not is_watched:
            self._loop = loop
            self._found.clear()
            self._probe()

    def worst_s(self) -> float:
        """The worst of the last second, 0 without a loop."""
        now_s = monotonic()
        return max((lag_s for at_s, lag_s in self._found.copy() if now_s - at_s <= _LAG_WITHIN_S), default=0.0)

    def _probe(self) -> None:
        if self._loop.time() < self._until_s:
            self._loop.call_later(_LAG_PROBE_S, self._arrived, self._loop.time() + _LAG_PROBE_S)
        else:
            self._loop = None

    def _arrived(self, due_s: float) -> None:
        self._found.append((monotonic(), max(self._loop.time() - due_s, 0.0)))
        self._probe()
