"""Cached rows that settings declare.

::

    CACHE_WARMING = {"ROWS": [{"model": "shop.Country", "lookups": ["code"], "timeout": 86400}]}

    cached_rows("shop.country").get(code="CH")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.exceptions import EmptyResultSet, FieldDoesNotExist, FieldError
from django.db.models import QuerySet

from django_hooks import conf
from url_manifests.errors import ConfigurationError, UnknownNameError

from .base import Unset
from .row_cache import CachedRows
from .rows import CachedRowsWarmer, warmer_of

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "model": (str,),
    "name": (str,),
    "lookups": (list, tuple),
    "timeout": (int, float, type(None), Unset),
    "alias": (str,),
    "priority": (int,),
    "invalidate": (bool,),
    "filter": (dict,),
    "select_related": (list, tuple),
    "only": (list, tuple),
    "order_by": (list, tuple),
    "limit": (int,),
}
"""What a declaration may hold, and of which type."""

_OF_NAMES: Final = ("select_related", "only")

_PASSED_ON: Final = ("lookups", "timeout", "alias", "priority", "invalidate")

_built: dict[str, CachedRows[Any]] = {}
"""By the text of the declaration: signals hold on to what was built only weakly."""


def cached_rows(name: str) -> CachedRows[Any]:
    """The rows that ``CACHE_WARMING["ROWS"]`` declares under ``name``, in any letter case; by default ``app.model``.

    Raises:
        UnknownNameError: there are none; suggests the nearest.
    """
    known = {rows.name: rows for rows in _declared()}
    in_any_case = {known_name.lower(): rows for known_name, rows in known.items()} | known
    if (found := in_any_case.get(name) or in_any_case.get(name.lower())) is None:
        raise UnknownNameError(conf.setting_path("ROWS"), name, known)
    return found


def declared_rows() -> Iterator[CachedRowsWarmer]:
    """The warmers that ``CACHE_WARMING["ROWS"]`` declares.

    Raises:
        ConfigurationError: a declaration is wrong; says which, and what.
    """
    for rows in _declared():
        if rows.alias not in settings.CACHES:
            raise UnknownNameError(f"{conf.setting_path('ROWS')} {rows.name} alias", rows.alias, settings.CACHES)
        try:
            str(rows.queryset.query)  # Names are looked up when the statement is made.
        except EmptyResultSet:
            pass  # A filter that nothing can pass is a way to switch it off.
        except (FieldError, FieldDoesNotExist) as error:
            raise ConfigurationError(f"{conf.setting_path('ROWS')} {rows.name}", str(error)) from error
        yield warmer_of(rows)


def listen_to_changes() -> None:
    """Have declared rows forget what is saved in this process, whether it ever reads them or not."""
    with suppress(ConfigurationError):  # The system check says what is wrong with it.
        list(_declared())


def _declared() -> Iterator[CachedRows[Any]]:
    for number, declaration in enumerate(conf.get("ROWS")):
        text = repr(declaration)
        if text not in _built:
            _built[text] = _build(f"{conf.setting_path('ROWS')}[{number}]", declaration)
        yield _built[text]


def _build(setting: str, declaration: Any) -> CachedRows[Any]:
    if not isinstance(declaration, Mapping):
        raise ConfigurationError(setting, f"must be a dict, is {type(declaration).__name__}")
    for name, value in declaration.items():
        _check(setting, name, value)
    if "model" not in declaration:
        raise ConfigurationError(setting, "needs 'model', such as 'shop.Country'")
    try:
        model = apps.get_model(declaration["model"])
    except (LookupError, ValueError) as error:
        raise ConfigurationError(setting, f"model: {error}") from error
    rows = _narrowed(setting, model._default_manager.all(), declaration)  # noqa: SLF001 - documented by Django
    try:
        return CachedRows(
            declaration.get("name", model._meta.label_lower),  # noqa: SLF001 - as above
            rows,
            warm=lambda rows: rows.order_by(*declaration.get("order_by", ()))[: declaration.get("limit")],
            is_registered=False,
            **{name: declaration[name] for name in _PASSED_ON if name in declaration},
        )
    except (TypeError, ValueError) as error:
        raise ConfigurationError(setting, str(error)) from error


def _check(setting: str, name: str, value: Any) -> None:
    if name not in _KINDS:
        raise UnknownNameError(setting, str(name), _KINDS)
    kind, kinds = type(value), _KINDS[name]
    if not issubclass(kind, kinds) or (kind is bool and bool not in kinds):
        raise ConfigurationError(setting, f"{name!r} cannot be {kind.__name__}")
    if name in _OF_NAMES and not all(isinstance(item, str) for item in value):
        raise ConfigurationError(setting, f"{name!r} must hold names, is {value!r}")
    if name == "name" and not value:
        raise ConfigurationError(setting, "'name' must not be empty")
    if name == "limit" and value < 1:
        raise ConfigurationError(setting, f"'limit' must be a whole number above 0, is {value!r}")


def _narrowed(setting: str, rows: QuerySet[Any], declaration: Mapping[str, Any]) -> QuerySet[Any]:
    try:
        rows = rows.filter(**declaration.get("filter", {}))
        if related := declaration.get("select_related"):
            rows = rows.select_related(*related)
        rows = rows.only(*declaration["only"]) if "only" in declaration else rows
        rows.order_by(*declaration.get("order_by", ()))
    except (FieldError, TypeError, ValueError) as error:
        raise ConfigurationError(setting, str(error)) from error
    return rows
