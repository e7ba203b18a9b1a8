"""A page cache for visitors without a session, on pages that look different to signed-in customers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import cache_page

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def has_session(request: HttpRequest) -> bool:
    """Tell whether the browser sent a session cookie, without loading the session."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES


def cache_page_without_session(timeout: int) -> Callable[[View[P]], View[P]]:
    """Cache the view for visitors who send no session cookie, whatever other cookies they carry."""

    def decorate(view: View[P]) -> View[P]:
        cached: View[P] = cache_page(timeout)(view)

        @wraps(view)
        def choose(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            response = (view if has_session(request) else cached)(request, *args, **kwargs)
            # Outside of cache_page: browsers and proxies must know that cookies matter, but the key must not
            # contain them, or each analytics cookie would get a page of its own.
            patch_vary_headers(response, ["Cookie"])
            return response

        return cast("View[P]", choose)

    return decorate
