"""The example with permissions kept in the cache, for `crowd`."""

from __future__ import annotations

from example.settings import *  # noqa: F403

AUTHENTICATION_BACKENDS = ["django_hooks.auth.CachedPermissionsBackend"]
CACHE_WARMING = {**CACHE_WARMING, "PERMISSIONS_TIMEOUT_S": 3600}  # noqa: F405
