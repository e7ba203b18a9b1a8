"""Recognises warm requests by their ticket and tells, on their responses, what they did to the caches.

It stands first in ``MIDDLEWARE``, around everything that may store a response: the headers it adds are put on when
the page cache has taken, or given, its copy, and so never get into a stored page. Behind a cache middleware it would
break that promise, and does not run at all.

Whoever sends no valid ticket gets what they would have got without it. A request without the header costs one look
into a dict, and what `live` notes of it; a ticket that is refused is counted in `refused`, and the answer does not
show it. A good one is still turned away while visitors suffer, or all runs are stopped (`gate`). The lock of crawls is
answered here as well (`crawl_lock`), and gets no further.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import DisallowedHost, MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.cache import UpdateCacheMiddleware
from django.utils.encoding import escape_uri_path
from django.utils.module_loading import import_string

from url_manifests.errors import ConfigurationError
from url_manifests.protocol import (
    SITE_HEADER,
    TICKET_HEADER,
    TRACE_HEADER,
    Purpose,
    Ticket,
    TicketRefusedError,
    check_ticket,
)
from url_manifests.traces import encode_site_view, encode_trace

from . import conf
from .addresses import is_allowed
from .admission import Limits
from .crawl_lock import LEASE_PURPOSES, lease_response
from .gate import Gate, limits
from .live import LiveTraffic
from .shared_caches import keep_out
from .site_view import site_view
from .traffic.counting import counted
from .visit import Visit

logger = logging.getLogger(__name__)

PATH: Final = "django_hooks.middleware.CacheWarmingMiddleware"
_TICKET_META: Final = "HTTP_" + TICKET_HEADER.upper().replace("-", "_")

refused: Counter[str] = Counter()
"""Tickets that were not accepted, by reason, since this process started."""


@dataclass(frozen=True, slots=True)
class WarmRequest:
    """``request.cache_warming``: site code that finds it can leave out analytics, view counters and throttling.

    ``getattr(request, "cache_warming", None)`` is ``None`` for every visitor.
    """

    run_id: str
    purpose: Purpose


class CacheWarmingMiddleware:
    """See the module's description; serves WSGI and ASGI."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        if outer := caching_middleware_outside():
            raise MiddlewareNotUsed(f"{PATH} must come before {outer}: traces would get into stored pages")
        self.get_response = get_response
        self._gate, self._answer_visitor = _gated(counted(get_response))
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if _TICKET_META not in request.META:
            # Under ASGI this hands on the coroutine itself, without one more around it.
            return self._answer_visitor(request)  # type: ignore[no-any-return]
        ticket = accepted_ticket(request)
        # It has done its work; in an error report of the site, or in its logs, it would only be a secret to keep.
        del request.META[_TICKET_META]
        if ticket is None:
            # Whoever sends a ticket, be it an expired one, is no visitor to be counted.
            return self.get_response(request)  # type: ignore[no-any-return]
        if ticket.purpose in LEASE_PURPOSES:
            # Not held back with the warm requests: whoever may not crawl now has all the more to say that it wants to.
            answer = sync_to_async(lease_response) if self._is_async else lease_response
            return answer(request, ticket)
        request.cache_warming = WarmRequest(ticket.run_id, ticket.purpose)  # type: ignore[attr-defined]
        try:
            visit = Visit(request)
        except ConfigurationError as error:
            _count_refusal("misconfigured", error)
            return self.get_response(request)  # type: ignore[no-any-return]
        return (self._answer_async if self._is_async else self._answer)(visit, ticket)

    def _answer(self, visit: Visit, ticket: Ticket) -> HttpResponseBase:
        if refusal := self._gate.refusal():
            return refusal
        response: HttpResponseBase | None = visit.turned_away()
        if response is None:
            with visit.following():
                response = self.get_response(visit.request)
        return _tell(visit, response, ticket, self._gate)

    async def _answer_async(self, visit: Visit, ticket: Ticket) -> HttpResponseBase:
        if refusal := await self._gate.refusal_async():
            return refusal
        response: HttpResponseBase | None = await sync_to_async(visit.turned_away)()
        if response is None:
            with visit.following():
                response = await self.get_response(visit.request)
        return await sync_to_async(_tell)(visit, response, ticket, self._gate)


def _gated(get_response: Callable[[HttpRequest], Any]) -> tuple[Gate, Callable[[HttpRequest], Any]]:
    """The gate for warm requests, and ``get_response`` with what it needs to know of the others.

    The settings are read once, when the server builds its middleware. Wrong ones are a system check's business: until
    they are mended, the defaults hold.
    """
    try:
        found = limits()
    except ConfigurationError:
        logger.exception("cache_warming.admission_misconfigured")
        found = Limits()
    live = LiveTraffic()
    return Gate(found, live), live.watching(get_response) if found else get_response


def _tell(visit: Visit, response: HttpResponseBase, ticket: Ticket, gate: Gate) -> HttpResponseBase:
    response, trace = visit.judged(response)
    if load := gate.told():
        trace = replace(trace, extra={**trace.extra, "load": load})
    keep_out(response)
    response.headers[TRACE_HEADER] = encode_trace(trace)
    if ticket.purpose is Purpose.HELLO:
        response.headers[SITE_HEADER] = encode_site_view(site_view(visit.request))
    return response


def accepted_ticket(request: HttpRequest) -> Ticket | None:
    """The request's ticket, or ``None`` after its reason was counted in `refused`."""
    problem: Exception | None = None
    try:
        if not conf.get("ENABLED"):
            raise TicketRefusedError("disabled")
        if not (secrets := conf.secrets()):
            raise TicketRefusedError("no-secret")
        if not is_allowed(request):
            raise TicketRefusedError("address")
        return check_ticket(
            request.META[_TICKET_META],
            secrets=secrets,
            method=request.method or "",
            host=request.get_host(),
            target=_target(request),
            now_s=time.time(),
        )
    except TicketRefusedError as error:
        reason = str(error)
    except ConfigurationError as error:
        reason, problem = "misconfigured", error
    except DisallowedHost:
        reason = "host"
    _count_refusal(reason, problem)
    return None


def _count_refusal(reason: str, problem: Exception | None) -> None:
    refused[reason] += 1
    logger.debug("cache_warming.ticket_refused reason=%s problem=%s", reason, problem)


def _target(request: HttpRequest) -> str:
    """Path and query as they were signed. ``get_full_path()`` would encode what browsers send plainly in a query."""
    query = request.META.get("QUERY_STRING", "")
    return escape_uri_path(request.path) + (f"?{query}" if query else "")


def caching_middleware_outside() -> str:
    """The dotted path of a cache middleware that stands before this one in ``MIDDLEWARE``; empty if none does."""
    for path in settings.MIDDLEWARE:
        if is_middleware(path, CacheWarmingMiddleware):
            return ""
        if is_middleware(path, UpdateCacheMiddleware):
            return path
    return ""


def is_middleware(path: str, base: type) -> bool:
    """Whether ``path`` of ``MIDDLEWARE`` names ``base`` or a class derived from it."""
    try:
        middleware = import_string(path)
    except ImportError:
        return False  # Django names it when it loads the middleware.
    return isinstance(middleware, type) and issubclass(middleware, base)
