"""The example under a query cache, which ``QUERY_CACHE`` names: each patches the ORM when a process starts."""

from __future__ import annotations

import os

from example.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.django_hooks.warmers.query_cache"]  # noqa: F405
if os.environ.get("QUERY_CACHE"):
    INSTALLED_APPS.append(os.environ["QUERY_CACHE"])
CACHEOPS_REDIS = os.environ["QUERY_CACHE_URL"]
CACHEOPS = {"catalogue.brand": {"ops": "all", "timeout": 600}, "catalogue.category": {"ops": "all", "timeout": 600}}
CACHES = {**CACHES, "queries": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": CACHEOPS_REDIS}}  # noqa: F405
CACHALOT_CACHE = "queries"
