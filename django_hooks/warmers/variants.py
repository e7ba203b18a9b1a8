"""The situations in which visitors see a fragment: contexts, multiplied by language, time zone and group."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Final, TypeAlias, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from url_manifests.errors import ConfigurationError, UnknownNameError

from .page_requests import page_request, url_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentContext:
    """One situation in which visitors see a fragment."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """The names that the node and its key read. They must all be there; ``None`` is a value."""
    language: str = ""
    """Activated while key and content are made, and given as ``LANGUAGE_CODE``; empty is the project's default."""
    time_zone: str = ""
    request: HttpRequest | None = None
    """Where the fragment needs context processors: a request for them to look at."""


ALL: Final = "all"
"""For ``languages``: all of the project's."""

AXES: Final = ("languages", "time_zones", "values", "request", "absent")
"""What a declaration says about all of its contexts."""

Choices: TypeAlias = Iterable[Any] | Callable[[], Iterable[Any]]
"""The values of one name, or what gives them when a run begins."""


def multiplied(
    contexts: Iterable[FragmentContext | Mapping[str, Any]],
    *,
    languages: str | Sequence[str] = (),
    time_zones: Sequence[str] = (),
    values: Mapping[str, Choices] | None = None,
    request: str = "",
) -> Iterator[FragmentContext]:
    """Each context in each language and time zone and with each combination of values, the first ones first.

    Where ``request`` gives the URL of a page, each has a request for it.

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
            yield replace(
                context, language=language, time_zone=zone, values=more, request=_request(context, request, language)
            )


def _request(context: FragmentContext, url: str, language: str) -> HttpRequest | None:
    if context.request is not None or not url:
        return context.request
    return page_request(url, language or settings.LANGUAGE_CODE)


def checked_axes(setting: str, declaration: Mapping[str, Any]) -> dict[str, Any]:
    """The ``languages``, ``time_zones``, ``values``, ``request`` and ``absent`` of a declaration.

    Raises:
        ConfigurationError: one is no list, or names what is not there.
    """
    languages = declaration.get("languages", ())
    for code in () if languages == ALL else _checked_list(setting, "languages", languages):
        if not isinstance(code, str) or code not in _known_languages():
            raise UnknownNameError(f"{setting} languages", str(code), _known_languages())
    for zone in _checked_list(setting, "time_zones", declaration.get("time_zones", ())):
        if not _is_time_zone(zone):
            raise ConfigurationError(setting, f"time_zones: {zone!r} is unknown")
    values = declaration.get("values", {})
    if not isinstance(values, Mapping):
        raise ConfigurationError(setting, f"values must be a dict, is {type(values).__name__}")
    request = declaration.get("request", "")
    if request != "" and (problem := url_problem(request)):
        raise ConfigurationError(setting, problem)
    return {
        "languages": languages,
        "time_zones": declaration.get("time_zones", ()),
        "values": {name: _choices(setting, name, choices) for name, choices in values.items()},
        "request": request,
        "absent": _checked_list(setting, "absent", declaration.get("absent", ())),
    }


def situation_problem(situation: FragmentContext) -> str:
    """What is wrong with the language or the time zone of a context; empty when nothing is."""
    if situation.language and situation.language not in _known_languages():
        return f"the language {situation.language!r} is not in LANGUAGES"
    if situation.time_zone and not _is_time_zone(situation.time_zone):
        return f"the time zone {situation.time_zone!r} is unknown"
    return ""


def _known_languages() -> dict[str, Any]:
    return dict(settings.LANGUAGES)


def _is_time_zone(zone: Any) -> bool:
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        return False
    return True


def _choices(setting: str, name: Any, choices: Any) -> Choices:
    what = f"values of {name!r}"
    if not isinstance(name, str) or "." in name:
        raise ConfigurationError(setting, f"{what}: a name without dots; give the first part, with dicts for the rest")
    if isinstance(choices, str):
        try:
            return import_string(choices)  # type: ignore[no-any-return] # as the path's owner made it
        except ImportError as error:
            raise ConfigurationError(setting, f"{what}: {error}") from error
    if callable(choices) or (isinstance(choices, Iterable) and not isinstance(choices, bytes | Mapping)):
        return cast("Choices", choices)
    raise ConfigurationError(setting, f"{what} must be a list, is {type(choices).__name__}")


def _checked_list(setting: str, what: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise ConfigurationError(setting, f"{what} must be a list, is {type(value).__name__}")
    return value
