"""Reads the ``CACHE_WARMING`` setting by its table, `setting_table.SETTINGS`.

Values are read when they are used and never kept, so ``override_settings`` and a changed settings object take effect
at once.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings

from url_manifests.errors import ConfigurationError, UnknownNameError
from url_manifests.protocol import check_secret

from .setting_table import SETTINGS

NAME: Final = "CACHE_WARMING"


def configured() -> dict[str, Any]:
    """The project's dict as it stands.

    Raises:
        ConfigurationError: it is no dict.
    """
    value = getattr(settings, NAME, {})
    if not isinstance(value, dict):
        raise ConfigurationError(NAME, f"must be a dict, is {type(value).__name__}")
    return value


def get(name: str) -> Any:
    """The value of one key, or its default.

    Raises:
        UnknownNameError: there is no such key.
        ConfigurationError: the value has the wrong type, or is out of range.
    """
    if (setting := SETTINGS.get(name)) is None:
        raise UnknownNameError(NAME, name, SETTINGS)
    value = configured().get(name, setting.default)
    if problem := setting.problem(value):
        raise ConfigurationError(setting_path(name), problem)
    return value


def secrets() -> tuple[str, ...]:
    """The secrets that tickets may be signed with, the current one first; empty when none is configured.

    Raises:
        ConfigurationError: one is no text, too short, or equal to ``SECRET_KEY``.
    """
    found = tuple(secret for secret in (get("SECRET"), *get("SECRET_FALLBACKS")) if secret != "")
    for secret in found:
        if not isinstance(secret, str):
            raise ConfigurationError(setting_path("SECRET_FALLBACKS"), "must hold text only")
        check_secret(setting_path("SECRET"), secret, differs_from=settings.SECRET_KEY)
    return found


def setting_path(name: str) -> str:
    """How a message names a key: ``CACHE_WARMING['SECRET']``."""
    return f"{NAME}[{name!r}]"
