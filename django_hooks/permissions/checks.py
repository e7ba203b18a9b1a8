"""System checks of the cache that permissions are kept in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names for them
from django.utils.module_loading import import_string

from django_hooks import conf, stores

from .signals import cached_backends

_ALIAS: Final = "PERMISSIONS_ALIAS"
_TIMEOUT: Final = "PERMISSIONS_TIMEOUT_S"


def check_permissions() -> Iterator[CheckMessage]:
    """Caches from which a revocation could be missed; only where a backend keeps permissions."""
    if not cached_backends():
        return
    alias = conf.get(_ALIAS)
    if (options := settings.CACHES.get(alias)) is None:
        known = ", ".join(sorted(settings.CACHES))
        yield Error(f"{_name(_ALIAS)}: no cache is called {alias!r}.", hint=f"Use {known}.", id="cache_warming.E020")
        return
    if conf.get(_TIMEOUT) <= 0:
        yield Error(
            f"{_name(_TIMEOUT)} must be above 0.",
            hint="Go back to ModelBackend to keep no permissions.",
            id="cache_warming.E022",
        )
    yield from _store(alias, options)


def _store(alias: str, options: dict[str, Any]) -> Iterator[CheckMessage]:
    backend = _backend(options)
    if issubclass(backend, DummyCache):
        yield Warning(
            f"The cache {alias!r} keeps nothing, so CachedPermissionsBackend asks the database each time.",
            hint=f"Name one that does in {_name(_ALIAS)}.",
            id="cache_warming.W020",
        )
    elif alias in stores.private_aliases() or issubclass(backend, FileBasedCache):
        yield Error(
            f"CachedPermissionsBackend would keep permissions in {alias!r}, which other processes or machines do not "
            "see: a revocation there would come late.",
            hint=f"Name a cache that all processes share in {_name(_ALIAS)}.",
            id="cache_warming.E021",
        )
    elif _servers(options.get("LOCATION")) > 1:
        yield Warning(
            f"The cache {alias!r} has several servers: a replica, or one that comes back, may give old tokens.",
            hint=f"Name a cache on a single primary in {_name(_ALIAS)}, or keep {_name(_TIMEOUT)} short.",
            id="cache_warming.W021",
        )


def _backend(options: dict[str, Any]) -> type:
    try:
        backend = import_string(str(options.get("BACKEND", "")))
    except ImportError:
        return object  # Django names it when the alias is used.
    return backend if isinstance(backend, type) else object


def _servers(location: Any) -> int:
    parts = location.replace(";", ",").split(",") if isinstance(location, str) else location or ()
    return len(parts)


def _name(setting: str) -> str:
    return conf.setting_path(setting)
