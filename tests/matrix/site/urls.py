"""One view for each kind of page; the rest of the path only makes pages of a kind different from each other."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.urls import path
from django.utils.translation import get_language
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers

from . import keys


def plain(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"{request.build_absolute_uri()} {get_language()}")


def csrf(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(Template("<form>{% csrf_token %}</form>").render(RequestContext(request)))


def user(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"Hello {request.user.get_username() or 'stranger'}")


def long(request: HttpRequest, name: str) -> HttpResponse:
    """Long enough for the GZip middleware, which then makes the page vary on Accept-Encoding."""
    return HttpResponse("A page that is worth compressing. " * 50)


@vary_on_headers("User-Agent")
def agent(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"Your browser: {request.headers.get('User-Agent')}")


@cache_page(3600, cache="pages")
def twice(request: HttpRequest, name: str) -> HttpResponse:
    """Kept by the decorator in one alias, and by the middleware in another."""
    return HttpResponse("Kept in two caches")


def rotating(request: HttpRequest, name: str) -> HttpResponse:
    return _kept_in("rotating", request)


def restless(request: HttpRequest, name: str) -> HttpResponse:
    keys.rotate("restless")
    return _kept_in("restless", request)


def loading(request: HttpRequest, name: str) -> HttpResponse:
    """A page that htmx completes as soon as it is there. Compressed, as everything here."""
    body = f'<main id="box" hx-get="/part/{name}" hx-trigger="load">{"Wait. " * 100}</main>'
    return HttpResponse(body)


@vary_on_headers("HX-Request")
def part(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse("Loaded by htmx" if "HX-Request" in request.headers else "<html>Visited</html>")


def _kept_in(alias: str, request: HttpRequest) -> HttpResponse:
    """The page from one alias alone."""
    response: HttpResponse = cache_page(3600, cache=alias)(plain)(request, "")
    # The middleware around it would store the page a second time, out of the counter's reach.
    request._cache_update_cache = False
    return response


def rotate(request: HttpRequest) -> HttpResponse:
    keys.rotate("rotating")
    return HttpResponse(headers={"Cache-Control": "no-store"})


VIEWS = (plain, csrf, user, long, agent, twice, rotating, restless, loading, part)

urlpatterns = [
    path("rotate/", rotate),
    *(path(f"{view.__name__}/<path:name>", view) for view in VIEWS),
]
