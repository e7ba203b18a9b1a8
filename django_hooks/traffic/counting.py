"""The part of the recorder that a visitor's request pays for: two clock readings, a few look-ups, one append.

What is counted: GET with 200 or 304. A HEAD has a page key of its own that no browser asks for, and comes from
monitors; other methods are never cached; redirects and errors are never stored. A 304 is a 200 whose body the browser
still had: the view was run, or the cache asked, all the same.

Nothing is parsed, hashed or classified here, and no lock is taken: see `notes`. A busy process notes a random share of
its requests, each of which stands for the others: a thousand in a second tell no more of a site than a hundred.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from random import random
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from url_manifests.errors import ConfigurationError

from .notes import MAX_TIMES, UNNAMED_URLCONF
from .options import traffic_options

if TYPE_CHECKING:
    from .recorder import Recorder

logger = logging.getLogger(__name__)

FOLD_AT: Final = 512
"""Queued notes that wake the thread: it then holds the interpreter for a millisecond, and memory stays small."""

COUNTED_STATUSES: Final = frozenset({200, 304})
_WEIGH_EVERY_S: Final = 1.0

_Handler = Callable[[HttpRequest], Any]


def counted(get_response: _Handler) -> _Handler:
    """``get_response`` with its visitors counted; itself, at no cost at all, when recording is off.

    The settings are read once, when the server builds its middleware: a request should not pay for reading them. Wrong
    ones are a system check's business and a line in the log: no visitor is refused because nobody counts them.
    """
    try:
        options = traffic_options()
    except ConfigurationError:
        logger.exception("cache_warming.traffic_misconfigured")
        return get_response
    if options is None:
        return get_response
    # Not before it is wanted: it needs this application's tables, and a list of bots that takes memory.
    from .recorder import recorder  # noqa: PLC0415

    recorder.configure(options)
    counter = _Counter(recorder)
    return counter.awaiting(get_response) if iscoroutinefunction(get_response) else counter.calling(get_response)


class _Counter:
    """Notes finished requests for a `Recorder`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._queue = recorder.notes.queue
        self._known = recorder.notes.known
        self._least_weight = self._weight = recorder.options.one_in
        self._all_up_to_per_s = recorder.options.all_up_to_per_s
        self._noted = 0
        self._weighed_at_s = perf_counter()
        self._host = "HTTP_X_FORWARDED_HOST" if settings.USE_X_FORWARDED_HOST else "HTTP_HOST"
        self._session_mark = f"{settings.SESSION_COOKIE_NAME}="
        self._use_i18n = settings.USE_I18N

    def calling(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> _Handler:
        note = self._note

        def counting(request: HttpRequest) -> HttpResponseBase:
            if (weight := self._weight) > 1 and random() * weight >= 1:  # noqa: S311 - a sample, no secret
                return get_response(request)
            started_s = perf_counter()
            response = get_response(request)
            if request.method == "GET" and response.status_code in COUNTED_STATUSES:
                note(request, response, started_s, weight)
            return response

        return counting

    def awaiting(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> _Handler:
        note = self._note

        async def counting(request: HttpRequest) -> HttpResponseBase:
            if (weight := self._weight) > 1 and random() * weight >= 1:  # noqa: S311 - a sample, no secret
                return await get_response(request)
            started_s = perf_counter()
            response = await get_response(request)
            if request.method == "GET" and response.status_code in COUNTED_STATUSES:
                note(request, response, started_s, weight)
            return response

        return counting

    def _note(self, request: HttpRequest, response: HttpResponseBase, started_s: float, weight: int) -> None:
        ended_s = perf_counter()
        elapsed_s = ended_s - started_s
        self._noted += 1
        if ended_s - self._weighed_at_s >= _WEIGH_EVERY_S:
            self._weigh(ended_s)
        sent = request.META
        headers = response.headers
        vary = headers.get("Vary", "")
        match = request.resolver_match
        urlconf = getattr(request, "urlconf", None)
        cookies = sent.get("HTTP_COOKIE")
        language = ""
        if vary and (language := sent.get("HTTP_ACCEPT_LANGUAGE", "")) and self._use_i18n:
            # With USE_I18N the page key holds the language that was chosen, and not the header that it came from.
            language = headers.get("Content-Language", "")
        seen = (
            sent.get(self._host, ""),
            request.path,
            sent.get("QUERY_STRING", ""),
            "" if urlconf is None else _name(urlconf),
            match.route if match else "",
            sent.get("HTTP_USER_AGENT", ""),
            vary,
            sent.get("HTTP_ACCEPT_ENCODING", "") if vary else "",
            language,
            # Django's page cache alone adds it in here; a proxy's comes on later.
            "Age" in headers,
            # Whether there is a session is all that is ever known of a cookie.
            cookies is not None and self._session_mark in cookies,
            weight,
        )
        times = self._known.get(seen)
        if times is not None and len(times) < MAX_TIMES:
            times.append(elapsed_s)
            return
        self._queue.append((seen, elapsed_s))
        if self._recorder.is_idle or len(self._queue) >= FOLD_AT:
            self._recorder.attend()

    def _weigh(self, now_s: float) -> None:
        """Choose of how many requests one is noted from now on; two threads may do so at once, to no harm."""
        per_s = self._noted * self._weight / (now_s - self._weighed_at_s)
        self._noted, self._weighed_at_s = 0, now_s
        self._weight = chosen_weight(per_s, self._weight, self._least_weight, self._all_up_to_per_s)


def chosen_weight(per_s: float, weight: int, least: int, most_per_s: float) -> int:
    """Of how many requests one is noted: ``least`` doubled as often as it takes to note ``most_per_s`` of ``per_s``.

    It doubles, and is halved only where that leaves room, because each weight has notes of its own. 0 for
    ``most_per_s`` is no limit.
    """
    wanted = least
    while most_per_s and per_s / wanted > most_per_s:
        wanted *= 2
    return weight if wanted * 2 == weight else wanted


def _name(urlconf: Any) -> str:
    """A URLconf that a middleware chose for this request, such as one for each host, by its dotted path."""
    return urlconf if isinstance(urlconf, str) else getattr(urlconf, "__name__", UNNAMED_URLCONF)
