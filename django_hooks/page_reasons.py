"""Why a page itself was not stored, from what is known after the response. Pure.

The order is that of ``UpdateCacheMiddleware.process_response``: the first rule that holds is the one that stopped it.
Two liberties, for the person who reads the report: a redirect, an error or a streamed answer that no cache looked at
is named as what it is and not as "not under cache_page"; and of several Cache-Control directives the strictest is
named, because ``never_cache`` sends them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import http as django_http
from django.utils.cache import get_max_age, has_vary_header

from url_manifests.traces import KeyEvent

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_FORBIDDING: Final = ("no-store", "no-cache", "private")

_MATCHES_WHOLE_NAMES: Final = hasattr(django_http, "split_directive_names")
"""Django 6.1 compares the names of directives; before, a page was refused for the mere text "private" in the header."""


def page_reason(response: HttpResponseBase, bodies: Sequence[KeyEvent], header_lists: Sequence[KeyEvent]) -> str:
    """A name of `url_manifests.reasons.REASONS`, or empty when the page was stored or came from the cache.

    Args:
        bodies: what happened to the page cache's responses in this request; one for each alias that keeps it.
        header_lists: the same of its lists of ``Vary`` headers, without which no response is found.
    """
    if KeyEvent.LOST in (*bodies, *header_lists):
        return "refused-by-backend"
    if bodies and all(event in (KeyEvent.STORED, KeyEvent.HIT) for event in bodies):
        return ""
    if obstacle := _by_kind_of_answer(response):
        return obstacle
    if not bodies and not header_lists:
        return "no-page-cache"
    return _by_headers(response) or "not-looked-up"


def _by_kind_of_answer(response: HttpResponseBase) -> str:
    if response.streaming:
        return "streaming"
    if response.status_code in _REDIRECTS:
        return "redirect"
    # 304 passes Django's first test and is then not stored either.
    return "" if response.status_code == 200 else "status"


def _by_headers(response: HttpResponseBase) -> str:
    if response.cookies and has_vary_header(response, "Cookie"):
        return "sets-cookie"
    if forbidding := _forbidding_directive(response.get("Cache-Control", "").lower()):
        return forbidding
    if has_vary_header(response, "*"):
        return "vary-star"
    if isinstance(response, HttpResponse) and get_max_age(response) == 0:
        return "max-age-0"
    return ""


def _forbidding_directive(cache_control: str) -> str:
    names = {part.partition("=")[0].strip() for part in cache_control.split(",")}
    for directive in _FORBIDDING:
        if directive in (names if _MATCHES_WHOLE_NAMES else cache_control):
            return directive
    return ""
