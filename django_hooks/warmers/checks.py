"""System checks of what ``CACHE_WARMING`` declares to be warmed. None asks the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names for them

from django_hooks import conf
from url_manifests.errors import ConfigurationError

from .base import Warmer
from .declared_rows import declared_rows
from .fragments import declared_fragments
from .row_cache import CachedRows
from .rows import CachedRowsWarmer
from .sessions import declared_sessions, engine_problem
from .uniqueness import is_unique

DECLARED: tuple[Callable[[], Iterable[Warmer]], ...] = (declared_fragments, declared_sessions, declared_rows)


def check_warmers() -> Iterator[CheckMessage]:
    """Wrong declarations, and sessions that no engine would ever look up."""
    found: list[Warmer] = []
    for declared in DECLARED:
        try:
            found += declared()
        except ConfigurationError as error:
            yield _malformed(f"{error}.")
    for name, count in Counter(warmer.name for warmer in found).items():
        if count > 1:
            yield _malformed(
                f"{conf.NAME} declares {count} warmers of the name {name!r}; give each a 'name' of its own."
            )
    yield from _ambiguous_lookups([warmer.rows for warmer in found if isinstance(warmer, CachedRowsWarmer)])
    if conf.get("SESSIONS") is not False and (problem := engine_problem()):
        yield Warning(
            f"{conf.setting_path('SESSIONS')} is set, but SESSION_ENGINE {problem}.",
            hint="Use django.contrib.sessions.backends.cached_db, or drop the setting.",
            id="cache_warming.W007",
        )


def _malformed(message: str) -> CheckMessage:
    return Error(message, hint="See docs/how-to/warmers.md.", id="cache_warming.E009")


def _ambiguous_lookups(declared: Iterable[CachedRows[Any]]) -> Iterator[CheckMessage]:
    for rows in declared:
        for fields in rows.lookups:
            if not is_unique(rows.model, fields):
                names = "+".join(field.name for field in fields)
                model = rows.model.__name__
                yield Warning(
                    f"{conf.setting_path('ROWS')} {rows.name}: no constraint of {model} keeps two rows from having the "
                    f"same {names}.",
                    hint="Make it a UniqueConstraint, or drop the lookup: what several rows claim is never kept.",
                    id="cache_warming.W008",
                )
