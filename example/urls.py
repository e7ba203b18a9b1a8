"""URLs of the shop: pages under ``/en/`` and ``/de/``; what machines ask for has no language."""

from __future__ import annotations

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path
from django.views.decorators.cache import cache_page

from example.catalogue.sitemaps import SITEMAPS
from example.content.views import healthz, robots

urlpatterns = [
    path("healthz/", healthz, name="healthz"),
    path("robots.txt", robots, name="robots"),
    path("sitemap.xml", cache_page(3600)(sitemap), {"sitemaps": SITEMAPS}, name="sitemap"),
    path("admin/", admin.site.urls),
    *i18n_patterns(
        path("account/", include("example.accounts.urls")),
        path("dashboard/", include("example.dashboard.urls")),
        path("basket/", include("example.orders.urls")),
        path("", include("example.content.urls")),
        path("", include("example.catalogue.urls")),
        prefix_default_language=True,
    ),
]
