"""System checks of the personas and of the write guard. None asks the database: minting does that."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names for them

from django_hooks import conf
from django_hooks.guard import make_guard
from url_manifests.errors import ConfigurationError

from .accounts import SETTING, configured
from .markers import MIN_CHARS, usable
from .minting import check_engine


def check_personas() -> Iterator[CheckMessage]:
    """Wrong settings, and personas of whom nothing could ever be recognised."""
    try:
        make_guard()
    except ConfigurationError as error:
        yield Error(
            f"{error.setting} {error.problem}.",
            hint="Observe first; refuse once the reports show no writes.",
            id="cache_warming.E008",
        )
    try:
        personas = configured()
        if personas:
            check_engine()
    except ConfigurationError as error:
        hint = 'Name existing, ordinary accounts: {"trade": {"username": "persona-trade"}}.'
        yield Error(f"{error.setting}: {error.problem}.", hint=hint, id="cache_warming.E007")
        return
    for role, persona in personas.items():
        if not usable([persona.username, *persona.markers]):
            yield Warning(
                f"{conf.setting_path(SETTING)}[{role!r}] may leave no trace by which a leak of it could be recognised.",
                hint=f"Give the account a username of {MIN_CHARS} characters or more, or add 'markers'.",
                id="cache_warming.W006",
            )
