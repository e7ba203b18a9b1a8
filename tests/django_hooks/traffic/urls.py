"""Pages of a small shop, each cached in its own way."""

from __future__ import annotations

from django.conf.urls.i18n import i18n_patterns
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers


@cache_page(600)
def product(request, number):
    return HttpResponse(f"product {number}")


@cache_page(600)
@vary_on_headers("User-Agent", "Accept-Encoding", "Accept-Language", "Cookie", "Authorization", "X-Secret")
def personal(request):
    return HttpResponse("by who asks")


def plain(request):
    return HttpResponse("plain")


async def waiting(request):
    return HttpResponse("waited for")


def moved(request):
    return HttpResponseRedirect("/plain/")


def broken(request):
    return HttpResponse("broken", status=500)


def unchanged(request):
    return HttpResponse(status=304)


urlpatterns = [
    path("p/<int:number>/", product, name="product"),
    path("personal/", personal, name="personal"),
    path("plain/", plain, name="plain"),
    path("waiting/", waiting),
    path("moved/", moved),
    path("broken/", broken),
    path("unchanged/", unchanged),
    path("account/logout/", plain),
    path("reset/<slug:token>/", plain),
    path("search/", plain, name="search"),
    *i18n_patterns(path("about/", plain, name="about"), prefix_default_language=True),
]
