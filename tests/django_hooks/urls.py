"""Small pages that do one thing to the caches each."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from django.conf import settings
from django.core.cache import cache, caches
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path, re_path
from django.views.decorators.cache import cache_control, cache_page, never_cache
from django.views.decorators.vary import vary_on_headers
from django_redis.exceptions import ConnectionInterrupted
from redis import Redis
from redis.exceptions import RedisError

cached = cache_page(60)


@cached
def page(request):
    return HttpResponse("page")


@cached
def deferred(request):
    template = engines["django"].from_string("{% load cache %}{% cache 60 deferred_part %}late{% endcache %}")
    return TemplateResponse(request, template)


@cached
def form(request):
    return HttpResponse(get_token(request))


@cached
def touches_user(request):
    return HttpResponse(f"{request.user}")


@cached
def signed_in(request):
    request.session["seen"] = True
    return HttpResponse("seen")


@cached
@cache_control(private=True)
def private(request):
    return HttpResponse("private")


@cached
@cache_control(public=True)
def for_cdn(request):
    told = {"Surrogate-Control": "max-age=600", "Edge-CDN-Cache-Control": "max-age=600"}
    return HttpResponse("for everybody", headers=told)


@cached
@cache_control(no_cache=True)
def no_cache(request):
    return HttpResponse("no cache")


@cached
@never_cache
def never(request):
    return HttpResponse("never")


@cached
@vary_on_headers("*")
def vary_star(request):
    return HttpResponse("anything")


@cache_page(0)
def max_age_0(request):
    return HttpResponse("now")


@cached
def streaming(request):
    def content():
        cache.get("while-streaming")
        yield b"streamed"

    return StreamingHttpResponse(content())


@cached
def redirect(request):
    return HttpResponseRedirect("/page/")


@cached
def gone(request):
    return HttpResponse("gone", status=410)


@cached
def too_large(request):
    import random

    return HttpResponse(random.Random(1).randbytes(1_500_000).hex())


def two_caches(request):
    return HttpResponse(f"{cache.get('a')} {caches['parts'].get('a')}")


@cached
def interrupted(request):
    """Redis takes no writes, until one has timed out."""
    redis = Redis.from_url(settings.CACHES["default"]["LOCATION"])
    if cache.get("part") is None:
        redis.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
        try:
            cache.set("part", 1)
        finally:
            redis.execute_command("CLIENT", "UNPAUSE")
            redis.close()
    return HttpResponse("interrupted")


@cached
def interrupted_and_caught(request):
    with suppress(ConnectionInterrupted, RedisError):
        interrupted.__wrapped__(request)
    return HttpResponse("went on without")


@cached
@vary_on_headers("User-Agent")
def by_agent(request):
    return HttpResponse(request.headers.get("User-Agent", ""))


def plain(request):
    return HttpResponse("plain")


def many(request):
    for number in range(2_100):
        cache.get(f"many:{number}")
    return HttpResponse("many")


def marked(request):
    marker = getattr(request, "cache_warming", None)
    return JsonResponse({"run_id": marker and marker.run_id, "purpose": marker and marker.purpose})


async def slow_part(request, name):
    """Yields to other requests between looking up and storing."""
    if await cache.aget(f"part:{name}") is None:
        await asyncio.sleep(0.01)
        await cache.aset(f"part:{name}", name, 60)
    await asyncio.sleep(0.01)
    await cache.aget_many([f"a:{name}", f"b:{name}"])
    return HttpResponse(name)


def calls(request):
    """Runs what the test has put into `todo`."""
    for call in todo:
        call(caches[request.GET.get("alias", "default")])
    return HttpResponse("done")


todo: list = []

urlpatterns = [
    *(
        path(f"{view.__name__}/", view)
        for view in (
            *(page, deferred, form, touches_user, signed_in, private, for_cdn, no_cache, never, vary_star, max_age_0),
            *(streaming, redirect, gone, too_large, by_agent, plain, many, marked, calls),
            *(two_caches, interrupted, interrupted_and_caught),
        )
    ),
    # The same without the decorator, for the cache middleware to store.
    *(path(f"bare/{view.__name__}/", view.__wrapped__) for view in (form, touches_user, signed_in)),
    re_path("^slow/(?P<name>.+)/$", slow_part),
]
