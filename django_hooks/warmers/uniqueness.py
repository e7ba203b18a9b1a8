"""Whether a lookup names one row: by the model's own constraints, or else by what is in the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Field, Model, QuerySet


def is_unique(model: type[Model], fields: Sequence[Field[Any, Any]]) -> bool:
    """Whether the model lets no two rows have the same values in ``fields``; NULL names no row anyway."""
    if any(field.unique for field in fields):
        return True
    names = {field.name for field in fields}
    return any(constrained <= names for kind in (model, *_parents(model)) for constrained in _constraints(kind))


def _parents(model: type[Model]) -> Sequence[type[Model]]:
    return list(model._meta.get_parent_list())  # noqa: SLF001 - documented by Django


def _constraints(model: type[Model]) -> list[set[str]]:
    meta: Any = model._meta  # noqa: SLF001 - documented by Django
    composite = [{field.name for field in meta.pk_fields}]
    # Those with a condition or an expression say nothing of these columns in all rows.
    return composite + [set(c.fields) for c in meta.total_unique_constraints] + list(map(set, meta.unique_together))


def claimed_by_several(rows: QuerySet[Any], fields: Sequence[Field[Any, Any]]) -> list[tuple[Any, ...]]:
    """The values of ``fields`` that more than one of the rows has, with one query."""
    names = [field.attname for field in fields]
    query = rows.query
    if query.distinct or query.group_by is not None or len(query.alias_map) > 1:
        # A join may give a row several times, and what is grouped already would be counted group by group.
        rows = rows.model._base_manager.using(rows.db).filter(pk__in=rows.values("pk"))  # noqa: SLF001 - documented
    groups = rows.order_by().values(*names).alias(cache_warming_rows=Count("*")).filter(cache_warming_rows__gt=1)
    return [values for values in groups.values_list(*names) if None not in values]
