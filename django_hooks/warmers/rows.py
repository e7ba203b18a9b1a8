"""Warms rows: those that `CachedRows` declares, and, by a subclass of `RowsWarmer`, those under a project's own keys.

::

    @register
    class Rates(RowsWarmer):
        name, timeout, key_fields = "rates", 3600, ("currency",)

        def queryset(self):
            return Rate.objects.filter(is_current=True)

        def key(self, currency):
            return f"rate:{currency}"                # as the views read it

        def value(self, row):
            return row.value

The list of keys is streamed and holds a few columns of each row; the rows themselves are read a batch at a time, one
query for each, and only those that are missing in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, ClassVar, TypeAlias, cast

from django.db import InterfaceError, OperationalError
from django.db.models import Field, Model, QuerySet

from django_hooks import stores

from .base import CacheEntry, Category, Warmer
from .key_batches import KeyBatch
from .registry import registry
from .row_cache import CachedRows
from .streaming import streamed_pages, unsliced
from .uniqueness import claimed_by_several, is_unique

_Page: TypeAlias = Sequence[tuple[Any, ...]]
"""Primary keys, each with the values that its row's keys are made of."""


class RowsWarmer(Warmer):
    """One entry for each row of `queryset`."""

    category: ClassVar[str] = Category.ROWS
    computes_in_bulk = True
    key_fields: ClassVar[Sequence[str]] = ("pk",)
    """The fields, also of related tables, whose values `key` is given."""

    def queryset(self) -> QuerySet[Any]:
        """The rows, most valuable first; ``select_related`` and ``only`` are respected, a slice limits them."""
        raise NotImplementedError

    def key(self, *values: Any) -> str:
        """The key under which a row's value is kept, from its `key_fields`."""
        raise NotImplementedError

    def value(self, row: Any) -> Any:
        """What is stored for a row: the instance itself, unless this is overridden."""
        return row

    def entries(self) -> Iterator[CacheEntry]:
        """Keys and primary keys, streamed."""
        return chain.from_iterable(batch.make() for batch in self.key_batches())

    def key_batches(self) -> Iterator[KeyBatch]:
        """The same, some rows at a time."""
        for page in streamed_pages(self.queryset(), *self.key_fields):
            yield KeyBatch(keys=self._keys(page), make=partial(self._made, page))

    def _keys(self, page: _Page) -> list[str] | None:
        try:
            return [self.key(*values) for _, *values in page]
        except stores.RAISED:  # raised once more where the entry is made that it concerns
            return None

    def _made(self, page: _Page) -> Iterator[CacheEntry]:
        for pk, *values in page:
            yield CacheEntry(key=self.key(*values), source=pk)

    def count(self) -> int | None:
        """As many as there are rows."""
        return self.queryset().count()

    def compute_many(self, entries: Sequence[CacheEntry]) -> Mapping[str, Any]:
        """The values of a batch by key; a row that cannot be read or turned into a value is an exception."""
        rows = load(self.queryset(), [entry.source for entry in entries])
        return {entry.key: self._value(rows[entry.source]) for entry in entries if entry.source in rows}

    def _value(self, row: Any) -> Any:
        if isinstance(row, BaseException):
            return row
        try:
            return self.value(row)
        except stores.RAISED as error:  # any code of the project runs here; it is the entry's finding
            return error


def load(rows: QuerySet[Any], pks: Sequence[Any]) -> dict[Any, Model | Exception]:
    """Instances by primary key, with one query; where a row cannot be read, the exception in its place.

    Raises:
        OperationalError: the database does not answer. Also InterfaceError.
    """
    rows = unsliced(rows).order_by()
    try:
        return cast("dict[Any, Model | Exception]", rows.in_bulk(pks))
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # noqa: BLE001 - one row that its fields cannot read spoils the query: each is read alone
        return dict(_one_by_one(rows, pks))


def _one_by_one(rows: QuerySet[Any], pks: Sequence[Any]) -> Iterator[tuple[Any, Model | Exception]]:
    for pk in pks:
        try:
            yield from rows.in_bulk([pk]).items()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - a field may raise anything; it is the entry's finding
            yield pk, error


class CachedRowsWarmer(RowsWarmer):
    """Warms what a `CachedRows` reads: each row by its primary key, and each lookup."""

    def __init__(self, rows: CachedRows[Any]) -> None:
        self.rows = rows

    def queryset(self) -> QuerySet[Any]:
        return self.rows.queryset

    def count(self) -> int | None:
        """Each row by its primary key and by each lookup; a lookup that is NULL in a row is counted too."""
        return self.rows.chosen().count() * (1 + len(self.rows.lookups))

    def key_batches(self) -> Iterator[KeyBatch]:
        """The entries of a row follow each other, so that a run cut short leaves whole rows."""
        names = [field.attname for fields in self.rows.lookups for field in fields]
        contested = self._contested()
        for page in streamed_pages(self.rows.chosen(), *names):
            yield KeyBatch(keys=self._keys(page, contested), make=partial(self._made, page, contested))

    def _contested(self) -> frozenset[str]:
        """The keys of lookups that several rows answer: a reader is told so, and must not be given one of them."""
        rows = self.rows
        return frozenset(
            rows.key(fields, values)
            for fields in rows.lookups
            if not is_unique(rows.model, fields)
            for values in claimed_by_several(rows.queryset, fields)
        )

    def _keys(self, page: _Page, contested: frozenset[str] = frozenset()) -> list[str] | None:
        if any(None in row for row in page):
            return None  # NULL names no row, so not every row has all of its keys.
        columns = list(zip(*page, strict=True))
        keys = [self.rows.pk_keys(columns[0])]
        start = 1
        for fields in self.rows.lookups:
            end = start + len(fields)
            keys.append(self.rows.keys(fields, columns[start:end]))
            start = end
        if contested and not all(map(contested.isdisjoint, keys)):
            return None
        return keys[0] if len(keys) == 1 else list(chain.from_iterable(zip(*keys, strict=True)))

    def _made(self, page: _Page, contested: frozenset[str] = frozenset()) -> Iterator[CacheEntry]:
        lookups = self.rows.lookups
        for pk, *values in page:
            yield CacheEntry(key=self.rows.pk_key(pk), source=pk)
            remaining = iter(values)
            for fields in lookups:
                asked = [next(remaining) for _ in fields]
                if None not in asked:  # There may be many of it.
                    yield _pointer(self.rows.key(fields, asked), pk, fields, contested)


def _pointer(key: str, pk: Any, fields: Sequence[Field[Any, Any]], contested: frozenset[str]) -> CacheEntry:
    if key in contested:
        names = "+".join(field.name for field in fields)
        return CacheEntry(key=key, problem=f"the lookup by {names} is not unique: several rows have these values")
    return CacheEntry(key=key, value=pk)


def warmer_of(rows: CachedRows[Any]) -> CachedRowsWarmer:
    """The warmer of a declaration, under its name."""
    attributes = {name: getattr(rows, name) for name in ("name", "alias", "timeout", "priority")}
    return cast("CachedRowsWarmer", type("DeclaredRows", (CachedRowsWarmer,), attributes)(rows))


def register_rows(rows: CachedRows[Any]) -> None:
    """Have a run warm ``rows``.

    Raises:
        DuplicateWarmerError: the name is taken.
    """
    registry.add(warmer_of(rows))
