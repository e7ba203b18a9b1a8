"""A project whose users are its own, with UUIDs for keys, and a proxy of them."""

from __future__ import annotations

from example.settings import *  # noqa: F403

APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"]
INSTALLED_APPS = [*APPS, "django_hooks", "tests.django_hooks.permissions.people"]
AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = ["django_hooks.auth.CachedPermissionsBackend"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
MIGRATION_MODULES = dict.fromkeys(["contenttypes", "auth", "sessions", "cache_warming", "people"])
CACHE_WARMING = {}
