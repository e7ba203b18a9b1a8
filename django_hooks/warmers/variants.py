"""The situations in which visitors see a fragment: contexts, multiplied by language, time zone and group."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Final, TypeAlias

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from url_manifests.errors import ConfigurationError, UnknownNameError


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentContext:
    """One situation in which visitors see a fragment."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """The names that the node and its key read. The key's must all be there; ``None`` is a value."""
    language: str = ""
    """Activated while key and content are made, and given as ``LANGUAGE_CODE``; empty is the project's default."""
    time_zone: str = ""
    request: HttpRequest | None = None
    """Where the fragment needs context processors: a request for them to look at."""


ALL: Final = "all"
"""For ``languages``: all of the project's."""

Choices: TypeAlias = Iterable[Any] | Callable[[], Iterable[Any]]
"""The values of one name, or what gives them when a run begins."""


def multiplied(
    contexts: Iterable[FragmentContext | Mapping[str, Any]],
    *,
    languages: str | Sequence[str] = (),
    time_zones: Sequence[str] = (),
    values: Mapping[str, Choices] | None = None,
) -> Iterator[FragmentContext]:
    """Each context in each language and time zone and with each combination of values, the first ones first.

    What a context says itself is left as it is; a plain dict stands for its values.
    """
    codes = [code for code, _ in settings.LANGUAGES] if languages == ALL else list(languages)
    axes = {name: list(choices() if callable(choices) else choices) for name, choices in (values or {}).items()}
    for declared in contexts:
        context = declared if isinstance(declared, FragmentContext) else FragmentContext(values=declared)
        free = {name: choices for name, choices in axes.items() if name not in context.values}
        for language, zone, *chosen in product(
            [context.language] if context.language or not codes else codes,
            [context.time_zone] if context.time_zone or not time_zones else time_zones,
            *free.values(),
        ):
            more = {**context.values, **dict(zip(free, chosen, strict=True))}
            yield replace(context, language=language, time_zone=zone, values=more)


def checked_axes(setting: str, declaration: Mapping[str, Any]) -> dict[str, Any]:
    """The ``languages``, ``time_zones`` and ``values`` of a declaration in the settings.

    Raises:
        ConfigurationError: one is no list, or names what is not there.
    """
    languages = declaration.get("languages", ())
    if languages != ALL:
        known = dict(settings.LANGUAGES)
        for code in _checked_list(setting, "languages", languages):
            if not isinstance(code, str) or code not in known:
                raise UnknownNameError(f"{setting} languages", str(code), known)
    for zone in _checked_list(setting, "time_zones", declaration.get("time_zones", ())):
        try:
            zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, TypeError, ValueError) as error:
            raise ConfigurationError(setting, f"time_zones: {zone!r} is unknown") from error
    values = declaration.get("values", {})
    if not isinstance(values, Mapping):
        raise ConfigurationError(setting, f"values must be a dict, is {type(values).__name__}")
    return {
        "languages": languages,
        "time_zones": declaration.get("time_zones", ()),
        "values": {name: _choices(setting, name, choices) for name, choices in values.items()},
    }


def _choices(setting: str, name: str, choices: Any) -> Choices:
    if isinstance(choices, str):
        try:
            return import_string(choices)  # type: ignore[no-any-return] # as the path's owner made it
        except ImportError as error:
            raise ConfigurationError(setting, f"values of {name!r}: {error}") from error
    return _checked_list(setting, f"values of {name!r}", choices)


def _checked_list(setting: str, what: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise ConfigurationError(setting, f"{what} must be a list, is {type(value).__name__}")
    return value
