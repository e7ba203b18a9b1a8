"""System checks of what protects a site from warming, and of what makes it useless or dangerous in its settings."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names for them
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware

from . import addresses, client_timeouts, conf, gate
from .middleware import is_middleware
from .setting_table import SETTINGS


def check_safety() -> Iterator[CheckMessage]:
    """One error for each setting that is malformed."""
    for error in (*gate.problems(), *addresses.problems()):
        name = error.setting.removeprefix(f"{conf.NAME}['").partition("'")[0]
        yield Error(f"{error.setting} {error.problem}.", hint=SETTINGS[name].help, id="cache_warming.E010")


def check_site() -> Iterator[CheckMessage]:
    """What hurts whether or not the settings of this application are sound."""
    for alias, missing in client_timeouts.missing().items():
        names = ", ".join(missing)
        yield Warning(
            f"The client of the cache {alias!r} waits for ever: it has no {names}.",
            hint=f"Set {names} in CACHES[{alias!r}]['OPTIONS']: a server that hangs must not hang every request.",
            id="cache_warming.W030",
        )
    if settings.SESSION_SAVE_EVERY_REQUEST:
        yield Warning(
            "SESSION_SAVE_EVERY_REQUEST is on, so every answer to a visitor with a session sets a cookie, and the page "
            "cache keeps none of them.",
            hint="Leave it off, and save where a session's age matters.",
            id="cache_warming.W031",
        )
    yield from _cache_middleware()


def _cache_middleware() -> Iterator[CheckMessage]:
    update, fetch = (
        [n for n, path in enumerate(settings.MIDDLEWARE) if is_middleware(path, kind)]
        for kind in (UpdateCacheMiddleware, FetchFromCacheMiddleware)
    )
    if (update or fetch) and not (update and fetch and update[0] <= fetch[-1]):
        yield Warning(
            "UpdateCacheMiddleware and FetchFromCacheMiddleware do not stand around the others, so pages are kept and "
            "never looked up, or looked up and never kept.",
            hint="Put UpdateCacheMiddleware before, and FetchFromCacheMiddleware after, all that changes responses.",
            id="cache_warming.W032",
        )
