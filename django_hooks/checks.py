"""System checks: what is wrong is said before traffic comes, with an id and what to do.

Errors are mistakes in this project's own settings; ``manage.py`` refuses to run with one. Warnings are what makes
warming useless here, but hurts nobody.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.apps import AppConfig
from django.conf import settings
from django.core.cache.backends.db import BaseDatabaseCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names for them
from django.utils.module_loading import import_string

from url_manifests.errors import ConfigurationError

from . import conf, stores, strategies
from .middleware import PATH, CacheWarmingMiddleware, caching_middleware_outside, is_middleware
from .permissions.checks import check_permissions
from .personas.checks import check_personas
from .safety_checks import check_safety, check_site
from .setting_table import SETTINGS
from .traffic.checks import check_traffic
from .warmers.checks import check_warmers

_CULLING: Final = (LocMemCache, FileBasedCache, BaseDatabaseCache)
"""Backends that throw entries away beyond ``MAX_ENTRIES``, whose default is 300."""


def check_cache_warming(app_configs: Iterable[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's signature
    """All checks of this application, in the order of what to mend first."""
    try:
        configured = conf.configured()
    except ConfigurationError as error:
        return [Error(str(error), hint="Make it a dict, such as {'SECRET': '…'}.", id="cache_warming.E001")]
    messages = [*_unknown_keys(configured), *_wrong_types(configured)]
    if not messages:
        messages += [
            *_secret(),
            *_wrong_values(),
            *check_traffic(),
            *check_personas(),
            *check_warmers(),
            *check_permissions(),
        ]
        messages += [*_strategies(), *check_safety()]
    return [*messages, *_middleware(), *_stores(), *check_site()]


def _unknown_keys(configured: dict[str, Any]) -> Iterator[CheckMessage]:
    for name in configured.keys() - SETTINGS.keys():
        nearest = difflib.get_close_matches(str(name), SETTINGS, n=1)
        known = ", ".join(sorted(SETTINGS))
        yield Error(
            f"{conf.setting_path(name)} is unknown.",
            hint=f"Did you mean {nearest[0]!r}?" if nearest else f"Known are {known}.",
            id="cache_warming.E002",
        )


def _wrong_types(configured: dict[str, Any]) -> Iterator[CheckMessage]:
    for name, setting in SETTINGS.items():
        if name in configured and (problem := setting.type_problem(configured[name])):
            yield Error(f"{conf.setting_path(name)} {problem}.", hint=setting.help, id="cache_warming.E003")


def _wrong_values() -> Iterator[CheckMessage]:
    for name, value in conf.configured().items():
        setting = SETTINGS[name]
        if problem := setting.value_problem(value) or setting.name_problem(value):
            yield Error(f"{conf.setting_path(name)} {problem}.", hint=setting.help, id="cache_warming.E011")


def _secret() -> Iterator[CheckMessage]:
    try:
        if conf.secrets():
            return
    except ConfigurationError as error:
        yield Error(
            f"{error.setting} {error.problem}.",
            hint="Read it from the environment: it is a secret between this site and its pipeline.",
            id="cache_warming.E004",
        )
        return
    yield Warning(
        f"{conf.setting_path('SECRET')} is not set, so every ticket is refused and no request is traced.",
        hint="Set it to the pipeline's WARM_SECRET.",
        id="cache_warming.W003",
    )


def _strategies() -> Iterator[CheckMessage]:
    for name in strategies.names():
        try:
            strategies.read(name)
        except ConfigurationError as error:
            yield Error(
                f"{error.setting} {error.problem}.",
                hint="What a strategy may hold: docs/how-to/strategies.md.",
                id="cache_warming.E012",
            )


def _middleware() -> Iterator[CheckMessage]:
    positions = [n for n, path in enumerate(settings.MIDDLEWARE) if is_middleware(path, CacheWarmingMiddleware)]
    if not positions:
        yield Warning(
            f"{PATH} is not in MIDDLEWARE, so the crawler cannot see what its requests warm.",
            hint="Put it first.",
            id="cache_warming.W001",
        )
    elif outer := caching_middleware_outside():
        yield Error(
            f"{outer} stands before {PATH} in MIDDLEWARE, so traces would get into stored pages.",
            hint="Put CacheWarmingMiddleware first; until then it does not run.",
            id="cache_warming.E005",
        )
    elif positions[0] != 0:
        yield Warning(
            f"{settings.MIDDLEWARE[0]} stands before {PATH}, and what it does to the caches is not traced.",
            hint="Put CacheWarmingMiddleware first.",
            id="cache_warming.W002",
        )


def _stores() -> Iterator[CheckMessage]:
    private = stores.private_aliases()
    if "default" in private and not settings.DEBUG:
        yield Warning(
            "The default cache lives inside one process (LocMem) or keeps nothing (Dummy).",
            hint="Use a cache that all workers share; otherwise nothing that is warmed can be verified.",
            id="cache_warming.W004",
        )
    for alias, options in settings.CACHES.items():
        if _culls_at_default(options):
            yield Warning(
                f"The cache {alias!r} throws entries away beyond 300, the default of MAX_ENTRIES.",
                hint=f"Set CACHES[{alias!r}]['OPTIONS']['MAX_ENTRIES'] above the number of keys that shall be warm.",
                id="cache_warming.W005",
            )


def _culls_at_default(options: dict[str, Any]) -> bool:
    try:
        backend = import_string(str(options.get("BACKEND", "")))
    except ImportError:
        return False  # Django names it when the alias is used.
    is_set = "max_entries" in options or "MAX_ENTRIES" in options.get("OPTIONS", {})
    return isinstance(backend, type) and issubclass(backend, _CULLING) and not is_set
