"""A project's own session engine: a subclass of Django's, with a prefix and a model of its own choosing."""

from __future__ import annotations

from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore


class SessionStore(CachedStore):
    cache_key_prefix = "own."
