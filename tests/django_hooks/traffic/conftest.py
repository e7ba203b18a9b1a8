from __future__ import annotations

import time

import pytest
from django.core.cache import cache
from django.test import Client

from django_hooks import middleware
from django_hooks.models import ObservedExclusion, ObservedTraffic
from django_hooks.traffic import recorder as recorder_module
from django_hooks.traffic.recorder import Recorder

HOST = "shop.example"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0"
    " Mobile/15E148 Safari/604.1"
)
NOW_S = time.time()


@pytest.fixture
def shop(settings, db):
    """The pages of `urls` behind the middleware, with every request counted."""
    settings.ROOT_URLCONF = "tests.django_hooks.traffic.urls"
    settings.ALLOWED_HOSTS = [HOST]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "traffic"}}
    settings.TEMPLATES = []
    settings.CACHE_WARMING = {"SECRET": "s" * 40, "TRAFFIC_SAMPLE_RATE": 1, "TRAFFIC_ALL_UP_TO_PER_S": 0}
    settings.MIDDLEWARE = [middleware.PATH, "django.middleware.locale.LocaleMiddleware"]
    cache.clear()
    return settings


@pytest.fixture
def counting(shop, monkeypatch):
    """A recorder whose thread never starts: the test saves when it wants to."""
    recorder = Recorder(lambda: NOW_S)  # a run that begins in one hour may end in the next
    recorder.is_idle = False
    monkeypatch.setattr(recorder_module, "recorder", recorder)
    return recorder


@pytest.fixture
def visit():
    """GET as a browser does."""

    def get(target, *, agent=CHROME, method="get", headers=None, **options):
        sent = {"host": HOST, "user-agent": agent, **(headers or {})}
        return getattr(Client(), method)(target, headers=sent, **options)

    return get


@pytest.fixture
def saved(counting):
    """Save what was noted, and return host and URL → row, and rule → requests."""

    def save(now_s=NOW_S):
        counting._save_counts(now_s)
        rows = {row.url: row for row in ObservedTraffic.objects.order_by("pk")}
        excluded: dict[str, int] = {}
        for row in ObservedExclusion.objects.all():
            excluded[row.rule] = excluded.get(row.rule, 0) + row.hits
        return rows, excluded

    return save
