"""Reads some columns of a long list of rows, a page at a time, with no cursor left open between two pages.

While a list is read, a run writes, and what it writes to may be the same database. An open cursor would hold SQLite to
an old state, in which it refuses to write; it would die with a lost connection; and MySQL's is all in the client's
memory. So each page is a query of its own that begins behind the last row of the page before, by the columns of the
order and the primary key. Where the order has columns that cannot say this, such as another table's or one with NULL,
the primary keys are read first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import chain
from operator import and_, or_
from typing import Any, Final, TypeAlias

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Q, QuerySet

CHUNK: Final = 2_000
"""Rows of a page."""

_Order: TypeAlias = list[tuple[str, bool]]
"""Columns that together name one row, each with whether it descends."""


def streamed(rows: QuerySet[Any], *fields: str) -> Iterator[tuple[Any, ...]]:
    """The primary key and ``fields`` of each row, in the query set's own order and within its slice.

    As variants of a cached function these are its arguments: it has to take a primary key, and not an instance, whose
    cache key is another.
    """
    return chain.from_iterable(streamed_pages(rows, *fields))


def streamed_pages(rows: QuerySet[Any], *fields: str) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The same, in lists of up to `CHUNK` rows, none of them empty."""
    # What is prefetched belongs to instances, and plain values cannot carry it.
    rows = rows.prefetch_related(None)
    order = _order(rows)
    return _by_pk(rows, fields) if order is None else _by_position(rows, order, fields)


def unsliced(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows without their slice."""
    rows = rows.all()
    rows.query.clear_limits()
    return rows


def _by_position(rows: QuerySet[Any], order: _Order, fields: Sequence[str]) -> Iterator[Sequence[tuple[Any, ...]]]:
    start, end = rows.query.low_mark, rows.query.high_mark
    everything = unsliced(rows)
    everything.query.standard_ordering = True  # `order` has what reverse() did in it.
    everything = everything.order_by(*(f"-{name}" if descends else name for name, descends in order))
    names = list(dict.fromkeys(["pk", *fields, *(name for name, _ in order)]))
    wanted = None if names == ["pk", *fields] else _picker(names, ["pk", *fields])
    position = _picker(names, [name for name, _ in order])
    page, left = everything, None if end is None else end - start
    while (size := CHUNK if left is None else min(CHUNK, left)) > 0:
        found = list(page.values_list(*names)[start : start + size])
        if found:
            yield list(map(wanted, found)) if wanted else found
        if len(found) < size:
            return
        left = None if left is None else left - size
        start, page = 0, everything.filter(_behind(order, position(found[-1])))


def _by_pk(rows: QuerySet[Any], fields: Sequence[str]) -> Iterator[Sequence[tuple[Any, ...]]]:
    pks = list(rows.values_list("pk", flat=True))
    others = unsliced(rows).order_by()
    for start in range(0, len(pks), CHUNK):
        part = pks[start : start + CHUNK]
        found = {row[0]: row for row in others.filter(pk__in=part).values_list("pk", *fields)}
        if page := [found[pk] for pk in part if pk in found]:
            yield page


def _picker(names: Sequence[str], wanted: Sequence[str]) -> Any:
    places = [names.index(name) for name in wanted]
    return lambda row: tuple(row[place] for place in places)


def _behind(order: _Order, position: Sequence[Any]) -> Q:
    """What comes after a row: less or greater in one column, and equal in those before it."""
    steps = []
    for place, (name, descends) in enumerate(order):
        before = [Q(**{column: value}) for (column, _), value in zip(order[:place], position, strict=False)]
        steps.append(reduce(and_, before, Q(**{f"{name}__{'lt' if descends else 'gt'}": position[place]})))
    name, descends = order[0]
    # Says nothing new, and lets the database begin in the middle of an index.
    return Q(**{f"{name}__{'lte' if descends else 'gte'}": position[0]}) & reduce(or_, steps)


def _order(rows: QuerySet[Any]) -> _Order | None:
    query, options = rows.query, rows.model._meta  # noqa: SLF001 - documented by Django
    names = query.order_by or (options.ordering if query.default_ordering else ())
    if query.extra_order_by or query.distinct or query.combinator or query.group_by is not None:
        return None
    order: _Order = []
    for name in names:
        if not isinstance(name, str) or not _is_plain(rows, name.lstrip("-")):
            return None
        order.append((name.lstrip("-"), name.startswith("-") is query.standard_ordering))
    return [*order, ("pk", False)]


def _is_plain(rows: QuerySet[Any], name: str) -> bool:
    options = rows.model._meta  # noqa: SLF001 - documented by Django
    try:
        field = options.pk if name == "pk" else options.get_field(name)
    except FieldDoesNotExist:
        return False
    # A foreign key would be ordered by its own table's order.
    return field in options.concrete_fields and not field.is_relation and not getattr(field, "null", True)
