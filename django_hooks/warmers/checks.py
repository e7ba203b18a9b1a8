"""System checks of what ``CACHE_WARMING`` declares to be warmed. None asks the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names for them

from django_hooks import conf
from url_manifests.errors import ConfigurationError

from .base import Warmer
from .declared_rows import declared_rows
from .fragments import declared_fragments
from .sessions import declared_sessions, engine_problem

DECLARED: tuple[Callable[[], Iterable[Warmer]], ...] = (declared_fragments, declared_sessions, declared_rows)


def check_warmers() -> Iterator[CheckMessage]:
    """Wrong declarations, and sessions that no engine would ever look up."""
    for declared in DECLARED:
        try:
            list(declared())
        except ConfigurationError as error:
            yield Error(f"{error}.", hint="See docs/how-to/warmers.md.", id="cache_warming.E009")
    if conf.get("SESSIONS") is not False and (problem := engine_problem()):
        yield Warning(
            f"{conf.setting_path('SESSIONS')} is set, but SESSION_ENGINE {problem}.",
            hint="Use django.contrib.sessions.backends.cached_db, or drop the setting.",
            id="cache_warming.W007",
        )
