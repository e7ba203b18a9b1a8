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

_PASSED_ON: Final = ("lookups", "timeout", "alias", "priority", "invalidate")

_built: dict[str, CachedRows[Any]] = {}
"""By the text of the declaration: signals hold on to what was built only weakly."""


def cached_rows(name: str) -> CachedRows[Any]:
    """The rows that ``CACHE_WARMING["ROWS"]`` declares under ``name``, by default ``app_label.model`` in lower case.

    Raises:
        UnknownNameError: there are none; suggests the nearest.
    """
    known = {rows.name: rows for rows in _declared()}
    if name not in known:
        raise UnknownNameError(conf.setting_path("ROWS"), name, known)
    return known[name]


def declared_rows() -> Iterator[CachedRowsWarmer]:
    """The warmers that ``CACHE_WARMING["ROWS"]`` declares.

    Raises:
        ConfigurationError: a declaration is wrong; says which, and what.
    """
    for rows in _declared():
        _ = rows.lookups  # Wrong fields are named now, and not by the first reader.
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
        if name not in _KINDS:
            raise UnknownNameError(setting, str(name), _KINDS)
        if not isinstance(value, _KINDS[name]):
            raise ConfigurationError(setting, f"{name!r} cannot be {type(value).__name__}")
    if "model" not in declaration:
        raise ConfigurationError(setting, "needs 'model', such as 'shop.Country'")
    try:
        model = apps.get_model(declaration["model"])
    except (LookupError, ValueError) as error:
        raise ConfigurationError(setting, f"model: {error}") from error
    return CachedRows(
        declaration.get("name", model._meta.label_lower),  # noqa: SLF001 - documented by Django
        _narrowed(setting, model._default_manager.all(), declaration),  # noqa: SLF001 - as above
        warm=lambda rows: rows.order_by(*declaration.get("order_by", ()))[: declaration.get("limit")],
        is_registered=False,
        **{name: declaration[name] for name in _PASSED_ON if name in declaration},
    )


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
