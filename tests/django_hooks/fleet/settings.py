"""The example with a queue, for commands and workers in processes of their own. ``FLEET`` holds JSON of settings."""

from __future__ import annotations

import json
import os

from example.settings import *  # noqa: F403
from example.settings import CACHE_WARMING, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks_db", "tests.django_hooks.fleet"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
CACHE_WARMING = {**CACHE_WARMING, **json.loads(os.environ.get("FLEET", "{}"))}
