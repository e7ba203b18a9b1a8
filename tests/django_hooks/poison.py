"""Views and middleware that give one user's page to the next, each in a way that real sites have shipped."""

from __future__ import annotations

import json

from django.contrib.auth import get_user_model
from django.core.cache import cache, caches
from django.http import HttpResponse, HttpResponseRedirect
from django.template import engines
from django.urls import path
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_cookie


def name_of(request):
    return request.user.get_username() or "visitor"


@cache_page(60)
def page(request):
    """The decorator stores the page before SessionMiddleware adds ``Vary: Cookie``."""
    return HttpResponse(f"Hello, {name_of(request)}")


@cache_page(60, cache="pages")
def page_in_second_alias(request):
    return HttpResponse(f"Hello, {name_of(request)}")


@cache_page(60, key_prefix="mobile")
def page_as_json(request):
    return HttpResponse(json.dumps({"owner": "Nina Nørd" if name_of(request) == "persona-north" else name_of(request)}))


def bare(request):
    return HttpResponse(f"Hello, {name_of(request)}. " + "Nothing else. " * 50)


def fragment(request):
    template = engines["django"].from_string("{% load cache %}{% cache 60 greeting %}Hi {{ name }}{% endcache %}")
    return HttpResponse(template.render({"name": name_of(request)}))


def low_level(request):
    if (greeting := cache.get("greeting")) is None:
        cache.set("greeting", greeting := f"Hello, {name_of(request)}", 60)
    return HttpResponse(greeting)


def written_unseen(request):
    """Writes for everybody without looking first; others read."""
    if request.user.is_authenticated:
        cache.set("last-customer", name_of(request), 60)
    return HttpResponse(cache.get("last-customer", "nobody"))


def user_object(request):
    user = cache.get_or_set("current-user", lambda: request.user._wrapped if request.user.pk else None, 60)
    return HttpResponse(user.get_username() if user else "visitor")


def many_values(request):
    if not (found := cache.get_many(["profile"])):
        cache.set_many(found := {"profile": {"contact": getattr(request.user, "email", "")}}, 60)
    return HttpResponse(str(found))


def versioned(request):
    return HttpResponse(cache.get_or_set("name", lambda: name_of(request).encode(), 60, version=7))


async def asynchronous(request):
    if (name := await caches["pages"].aget("name")) is None:
        user = await request.auser()
        await caches["pages"].aset("name", name := user.get_username() or "visitor", 60)
    return HttpResponse(name)


def redirect(request):
    target = cache.get_or_set("home-of-user", lambda: f"/people/{name_of(request)}/", 60)
    return HttpResponseRedirect(target)


@cache_page(60)
@vary_on_cookie
def told_apart(request):
    return HttpResponse(f"Hello, {name_of(request)}")


def review(request):
    """Shows a customer's name to everybody, by design."""
    return HttpResponse(cache.get_or_set("review", lambda: "Five stars. persona-north", 60))


def by_group(request):
    return HttpResponse(cache.get_or_set("prices:trade", lambda: "8 % off", 60))


def user_from_proxy(get_response):
    """Trusts a proxy's header, without a session: nothing ever varies on it."""

    def middleware(request):
        if name := request.headers.get("X-Remote-Name"):
            request.user = get_user_model().objects.get(username=name)
        return get_response(request)

    return middleware


def strip_cookies(get_response):
    """Looks who is there, then hides the cookie from what computes keys."""

    def middleware(request):
        name_of(request)
        request.META.pop("HTTP_COOKIE", None)
        return get_response(request)

    return middleware


def drop_vary(get_response):
    def middleware(request):
        response = get_response(request)
        del response.headers["Vary"]
        return response

    return middleware


VIEWS = (
    *(page, page_in_second_alias, page_as_json, bare, fragment, low_level, written_unseen, user_object, many_values),
    *(versioned, asynchronous, redirect, told_apart, review, by_group),
)
urlpatterns = [path(f"{view.__name__}/", view) for view in VIEWS]
