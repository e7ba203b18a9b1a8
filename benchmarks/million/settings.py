"""Settings of the site; the servers come from the environment."""

from __future__ import annotations

import os

from example import backends

SECRET_KEY = "benchmark-only"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_hooks", "django_tasks_db", "benchmarks.million"]
DATABASES = {"default": backends.database(os.environ["MILLION_DB"])}
CACHES = {"default": backends.cache(os.environ["MILLION_CACHE"], prefix="million")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
USE_TZ = True
SILENCED_SYSTEM_CHECKS = ["cache_warming.W001", "cache_warming.W003"]
CACHE_WARMING = {"LOCK_FILE": os.environ["MILLION_LOCK"]}
