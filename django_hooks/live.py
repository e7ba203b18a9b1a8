"""What visitors' requests leave behind for `admission`: that they are under way, and how long they took.

A noted request pays two clock readings, an entry in a dict and out again, and one append. Nothing is computed until a
warm request asks. While none comes, only one live request of `ONE_IN` is noted, and the last `KEPT` of those lie in a
ring: they tell what is usual when a run begins. From its first request on, all are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from time import monotonic
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .admission import Sample

KEPT: Final = 512
ONE_IN: Final = 8
ATTENDED_S: Final = 30.0
"""After a warm request, all live ones are noted for so long."""

_Handler = Callable[[HttpRequest], Any]


class LiveTraffic:
    """The live requests of one process. All that requests do to it is atomic, with and without the GIL."""

    def __init__(self) -> None:
        self._begun: dict[int, float] = {}
        self._done: deque[tuple[float, float, str, int, bool]] = deque(maxlen=KEPT)
        self._last_ended_at_s = float("-inf")
        self._is_attended = False
        self._attended_until_s = 0.0

    def attend(self) -> None:
        """A warm request has come: note every live one from now on."""
        self._attended_until_s = monotonic() + ATTENDED_S
        self._is_attended = True

    def watching(self, get_response: _Handler) -> _Handler:
        """``get_response`` with its requests noted."""
        return self._awaiting(get_response) if iscoroutinefunction(get_response) else self._calling(get_response)

    def _calling(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> _Handler:
        begun, note, turns = self._begun, self._note, count()

        def answering(request: HttpRequest) -> HttpResponseBase:
            if not self._is_attended and next(turns) % ONE_IN:
                return get_response(request)
            number = id(request)
            begun[number] = started_s = monotonic()
            try:
                response = get_response(request)
            finally:
                del begun[number]
            note(request, response, started_s)
            return response

        return answering

    def _awaiting(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> _Handler:
        begun, note, turns = self._begun, self._note, count()

        async def answering(request: HttpRequest) -> HttpResponseBase:
            if not self._is_attended and next(turns) % ONE_IN:
                return await get_response(request)
            number = id(request)
            begun[number] = started_s = monotonic()
            try:
                response = await get_response(request)
            finally:
                del begun[number]
            note(request, response, started_s)
            return response

        return answering

    def _note(self, request: HttpRequest, response: HttpResponseBase, started_s: float) -> None:
        match = request.resolver_match
        route = match.route if match else ""
        # Django's page cache alone adds Age in here: a hit and a miss of one route are not of one kind. Asked in the
        # public way, its absence is an exception that is raised and caught, and costs more than all the rest.
        is_hit = "age" in response.headers._store  # noqa: SLF001 - see above
        now_s = monotonic()
        self._done.append((now_s, started_s, route, response.status_code, is_hit))
        if now_s > self._attended_until_s:
            self._is_attended = False

    @property
    def in_flight(self) -> int:
        """Live requests that are being answered at this moment."""
        return len(self._begun)

    def taken(self) -> Iterator[Sample]:
        """What was noted since the last call. For one caller at a time."""
        for _ in range(len(self._done)):
            ended_at_s, started_s, *kind = self._done.popleft()
            self._last_ended_at_s = ended_at_s
            yield Sample(ended_at_s, ended_at_s - started_s, tuple(kind))

    def ago_s(self, now_s: float) -> float:
        """Seconds since a live request was under way, 0 while one is; looks at what was `taken`."""
        return 0.0 if self._begun else now_s - self._last_ended_at_s
