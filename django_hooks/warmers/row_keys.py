"""Under which key a row is kept: by primary key or by other fields, and by the shape in which it was stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import django
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, Field, ForeignKey, IntegerField, Model, QuerySet

from url_manifests.errors import ConfigurationError

from .arguments import all_shortened, argument_text, shortened
from .base import UNSET

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*", re.ASCII)
"""What no quoting changes."""


def shape(rows: QuerySet[Any]) -> str:
    """A short digest of what an instance of ``rows`` consists of.

    Instances are pickled. A release with another field, another ``only()`` or another Django must not be given what
    the one before has stored, so all of these are part of the key. No database is asked.
    """
    query = rows.query
    parts = [
        django.__version__,
        *_fields(rows.model),
        *sorted(map(str, query.deferred_loading[0])),
        str(query.deferred_loading[1]),
        *sorted(query.annotations),
        *sorted(str(lookup) for lookup in _prefetched(rows)),
        *_related(rows.model, query.select_related),
    ]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()


def _fields(model: type[Model]) -> Iterator[str]:
    yield model._meta.label  # noqa: SLF001 - documented by Django
    for field in model._meta.concrete_fields:  # noqa: SLF001 - as above
        yield f"{field.attname} {field.get_internal_type()}"


def _related(model: type[Model], names: bool | Mapping[str, Any]) -> Iterator[str]:  # noqa: FBT001 - as Django has it
    if isinstance(names, bool):
        yield str(names)
        return
    for name in sorted(names):
        field = model._meta.get_field(name)  # noqa: SLF001 - documented by Django
        other = field.related_model
        yield name
        if isinstance(other, type):
            yield from _fields(other)
            yield from _related(other, names[name])


def _prefetched(rows: QuerySet[Any]) -> Sequence[Any]:
    lookups: Sequence[Any] = rows._prefetch_related_lookups  # type: ignore[attr-defined] # noqa: SLF001 - Django has no other way to ask
    return [getattr(lookup, "prefetch_to", lookup) for lookup in lookups]


def is_by_pk(pk: Any, lookup: Mapping[str, Any]) -> bool:
    """Whether a row is asked for by its primary key; `UNSET` is none.

    Raises:
        TypeError: it is asked for by a lookup, too.
    """
    if pk is not UNSET and lookup:
        raise TypeError(f"ask by the primary key or by a lookup, not by both: {pk!r} and {'+'.join(sorted(lookup))}")
    return pk is not UNSET


def lookup_field(rows: QuerySet[Any], setting: str, name: str) -> Field[Any, Any]:
    """The field of the model that ``name`` stands for.

    Raises:
        ConfigurationError: there is none, it is another table's, or the rows are read without it.
    """
    try:
        field = rows.model._meta.pk if name == "pk" else rows.model._meta.get_field(name)  # noqa: SLF001 - documented
    except FieldDoesNotExist as error:
        raise ConfigurationError(setting, f"lookups: {error}") from error
    if not isinstance(field, Field) or field not in rows.model._meta.concrete_fields:  # noqa: SLF001 - documented
        raise ConfigurationError(setting, f"lookups: {name!r} is no column of {rows.model._meta.label}")  # noqa: SLF001 - documented
    names, deferred = rows.query.deferred_loading
    named = names if deferred else {name.partition("__")[0] for name in names}
    if names and (field.name in named or field.attname in named) is deferred and not field.primary_key:
        raise ConfigurationError(setting, f"lookups: {name!r} is deferred, so asking a stored row for it would query")
    return field


def lookup_text(fields: Sequence[Field[Any, Any]], values: Sequence[Any]) -> str:
    """``country='DE,code='10115``: the same for ``5`` and ``"5"`` where the column holds numbers.

    Raises:
        ValueError: a value does not fit its column, as in a query.
    """
    pairs = zip(fields, values, strict=True)
    return shortened(",".join(f"{field.attname}={argument_text(_prepared(field, value))}" for field, value in pairs))


def lookup_texts(fields: Sequence[Field[Any, Any]], columns: Sequence[Sequence[Any]]) -> list[str]:
    """The same for many rows, given the values of each field.

    Raises:
        ValueError: a value does not fit its column, as in a query.
    """
    texts = [_texts(field, values) for field, values in zip(fields, columns, strict=True)]
    return all_shortened(texts[0] if len(texts) == 1 else list(map(",".join, zip(*texts, strict=True))))


def _texts(field: Field[Any, Any], values: Sequence[Any]) -> list[str]:
    """``name=text`` of each value; numbers and plain words in columns that hold them need no preparing."""
    head, types, prepare = f"{field.attname}=", set(map(type, values)), _preparing(field)
    if types == {int} and prepare is IntegerField.get_prep_value:
        return [f"{head}{value}" for value in values]
    if types == {str} and prepare is CharField.get_prep_value and _is_plain("".join(values)):
        return [f"{head}'{value}" for value in values]
    return [head + argument_text(_prepared(field, value)) for value in values]


def _is_plain(text: str) -> bool:
    return text.isascii() and (text.isalnum() or _PLAIN.fullmatch(text) is not None)


def _preparing(field: Field[Any, Any]) -> Any:
    """The method that prepares the column's values: of the column that it refers to, if it does."""
    while isinstance(field, ForeignKey) and type(field).get_prep_value is ForeignKey.get_prep_value:
        field = field.target_field
    return type(field).get_prep_value


def _prepared(field: Field[Any, Any], value: Any) -> Any:
    return field.get_prep_value(value.pk if isinstance(value, Model) else value)
