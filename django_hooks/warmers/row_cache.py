"""Rows that many pages read, kept in a cache: one declaration reads, warms and forgets them.

::

    profiles = CachedRows("profiles", Profile.objects.select_related("user"), lookups=["user"], timeout=3600)

    profiles.get(5)                  # by primary key; await profiles.aget(5) on an event loop
    profiles.get(user=request.user)  # by the other lookups

What is stored under the primary key is the instance; under each other lookup only its primary key, so a row is stored
once, and a lookup that has come to mean another row is noticed, because the instance no longer fits it.

A saved or deleted row is forgotten when it is saved, and again when the transaction commits. In its place stands a mark
for `CHANGED_S`, which neither readers nor warmers overwrite: whoever had read the old row before cannot store it now.
``QuerySet.update()`` and other bulk work send no signals; there the timeout, or `CachedRows.forget`, has to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final, Generic, TypeVar, cast

from asgiref.sync import sync_to_async
from django.core.cache import BaseCache, caches
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Field, Model, QuerySet

from url_manifests.errors import ConfigurationError

from . import invalidation
from .base import UNSET, Timeout, backend_timeout
from .declarations import check_priority, check_rows, check_timeout
from .row_keys import is_by_pk, lookup_field, lookup_text, lookup_texts, shape

M = TypeVar("M", bound=Model)

CHANGED_S: Final = 5
"""Seconds for which a changed row is read from the database by everybody: longer than a read that was under way."""
_CHANGED: Final = "\x00changed"

Choice = Callable[[QuerySet[Any]], QuerySet[Any]]


class CachedRows(Generic[M]):
    """Rows by primary key, and by other fields that name one row each.

    Args:
        name: of the warmer, and part of the key; unique in the project.
        rows: a model, or a query set whose ``select_related``, ``only``, filters … say what an instance holds.
        lookups: further ways to ask for a row: names of fields, or lists of such that name a row together.
        timeout: seconds, as in Django's cache.
        alias: of the cache.
        priority: higher is warmed first.
        warm: given the query set, says which rows to warm, in which order; ``None`` is all.
        invalidate: whether saving and deleting forget the row.

    Raises:
        ConfigurationError: the query set is sliced.
        TypeError: an argument is of the wrong type; or ValueError, has a value that it cannot have.
        DuplicateWarmerError: the name is taken.
    """

    def __init__(  # noqa: PLR0913 - a declaration: all but the first two are given by name
        self,
        name: str,
        rows: QuerySet[M] | type[M],
        *,
        lookups: Iterable[str | Sequence[str]] = (),
        timeout: Timeout = UNSET,
        alias: str = "default",
        priority: int = 0,
        warm: Choice | None = None,
        invalidate: bool = True,
        is_registered: bool = True,
    ) -> None:
        lookups = lookups if isinstance(lookups, str) else list(lookups)
        check_timeout(name, timeout)
        check_priority(name, priority)
        check_rows(name, rows, lookups)
        self.name = name
        self.timeout = timeout
        self.alias = alias
        self.priority = priority
        self._rows = rows
        self._lookups = [(lookup,) if isinstance(lookup, str) else tuple(lookup) for lookup in lookups]
        self._warm = warm
        if invalidate:
            invalidation.listen(self)
        if is_registered:
            from .rows import register_rows  # noqa: PLC0415 - the warmer is made of this class

            register_rows(self)

    @property
    def queryset(self) -> QuerySet[M]:
        """A fresh query set of all rows, as they are read and stored."""
        if isinstance(self._rows, QuerySet):
            return self._rows.all()
        return self._rows._default_manager.all()  # noqa: SLF001 - documented by Django

    @property
    def model(self) -> type[M]:
        return self._rows.model if isinstance(self._rows, QuerySet) else self._rows

    def chosen(self) -> QuerySet[M]:
        """The rows to warm, in their order."""
        return self.queryset if self._warm is None else self._warm(self.queryset)

    @cached_property
    def lookups(self) -> list[tuple[Field[Any, Any], ...]]:
        """The fields of each lookup beside the primary key.

        Raises:
            ConfigurationError: one is no column of the model, or is not read.
        """
        return [tuple(lookup_field(self.queryset, self.name, name) for name in names) for names in self._lookups]

    @cached_property
    def _pk(self) -> tuple[Field[Any, Any], ...]:
        return (lookup_field(self.queryset, self.name, "pk"),)

    @cached_property
    def _prefix(self) -> str:
        return f"rows.{self.name}.{shape(self.queryset)}:"

    def key(self, fields: Sequence[Field[Any, Any]], values: Sequence[Any]) -> str:
        return self._prefix + lookup_text(fields, values)

    def keys(self, fields: Sequence[Field[Any, Any]], columns: Sequence[Sequence[Any]]) -> list[str]:
        """The keys of many rows, given the values of each field."""
        return list(map(self._prefix.__add__, lookup_texts(fields, columns)))

    def pk_keys(self, pks: Sequence[Any]) -> list[str]:
        return self.keys(self._pk, [pks])

    def pk_key(self, pk: Any) -> str:
        return self.key(self._pk, (pk,))

    @property
    def cache(self) -> BaseCache:
        return caches[self.alias]

    def get(self, pk: Any = UNSET, **lookup: Any) -> M:
        """The row, from the cache or else from the database.

        Raises:
            ConfigurationError: it is asked for by fields that are not declared as a lookup.
            TypeError: it is asked for by its primary key and by a lookup.
            DoesNotExist: the model's own, when there is no such row; the next caller asks the database again.
        """
        if is_by_pk(pk, lookup):
            return self._by_pk(pk)
        pointer_key = self.key(*self._asked(lookup))
        if (found := self.cache.get(pointer_key)) is not None and self._fits(row := self._found(found), lookup):
            return cast("M", row)
        row = self.queryset.get(**lookup)
        self._store(row)
        self.cache.set(pointer_key, row.pk, timeout=backend_timeout(self.timeout))
        return row

    async def aget(self, pk: Any = UNSET, **lookup: Any) -> M:
        """The same on an event loop."""
        if is_by_pk(pk, lookup):
            return await self._aby_pk(pk)
        pointer_key = self.key(*self._asked(lookup))
        found = await self.cache.aget(pointer_key)
        if found is not None and self._fits(row := await self._afound(found), lookup):
            return cast("M", row)
        row = await self.queryset.aget(**lookup)
        await self._astore(row)
        await self.cache.aset(pointer_key, row.pk, timeout=backend_timeout(self.timeout))
        return row

    def get_many(self, pks: Iterable[Any]) -> dict[Any, M]:
        """The rows of several primary keys, in one look at the cache and at most one query; those that exist."""
        keys = {self.pk_key(pk): pk for pk in pks}
        stored = self.cache.get_many(keys)
        found = {keys[key]: row for key, row in stored.items() if row != _CHANGED}
        missing = self.queryset.in_bulk([pk for pk in keys.values() if pk not in found])
        for row in missing.values():
            self._store(row)
        return {**found, **missing}

    def forget(self, row: M, using: str | None = None) -> None:
        """The row has changed or is gone: the next readers ask the database. Within a transaction, also at its end."""
        self.forget_pk(row.pk, using=using)

    def forget_pk(self, pk: Any, using: str | None = None) -> None:
        """The same of a row's primary key."""
        self._mark_changed(pk)
        if transaction.get_connection(using).in_atomic_block:
            # Until then others still read the old row, and would store it.
            # Robust: the row is saved, and an error of the cache must not keep other callbacks from being called.
            transaction.on_commit(partial(self._mark_changed, pk), using=using, robust=True)

    def note_new(self, pk: Any, using: str | None = None) -> None:
        """There is such a row now; within a transaction, for itself alone."""
        if transaction.get_connection(using).in_atomic_block:
            transaction.on_commit(partial(self._committed, pk), using=using)

    def _committed(self, pk: Any) -> None:
        """That it waits for the commit is all there is to it: see `_is_uncommitted`."""

    def _store(self, row: M) -> None:
        if not self._is_uncommitted(row):
            self.cache.add(self.pk_key(row.pk), row, timeout=backend_timeout(self.timeout))

    async def _astore(self, row: M) -> None:
        # In the thread that has the connection: whether a transaction is open is asked of that.
        await sync_to_async(self._store)(row)

    def _is_uncommitted(self, row: M) -> bool:
        """Whether this transaction has saved the row itself: after a rollback, nobody else may have what it read."""
        # What waits for the commit is dropped with a rollback, also with one to a savepoint.
        waiting = (entry[1] for entry in transaction.get_connection(row._state.db).run_on_commit)  # noqa: SLF001 - documented
        own = (self._mark_changed, self._committed)
        return any(isinstance(call, partial) and call.func in own and call.args == (row.pk,) for call in waiting)

    def _mark_changed(self, pk: Any) -> None:
        self.cache.set(self.pk_key(pk), _CHANGED, timeout=CHANGED_S)

    def _by_pk(self, pk: Any) -> M:
        key = self.pk_key(pk)
        if (found := self.cache.get(key)) is not None and found != _CHANGED:
            return cast("M", found)
        row = self.queryset.get(pk=pk)
        self._store(row)
        return row

    async def _aby_pk(self, pk: Any) -> M:
        key = self.pk_key(pk)
        if (found := await self.cache.aget(key)) is not None and found != _CHANGED:
            return cast("M", found)
        row = await self.queryset.aget(pk=pk)
        await self._astore(row)
        return row

    def _found(self, pk: Any) -> M | None:
        try:
            return self._by_pk(pk)
        except ObjectDoesNotExist:
            return None  # The row that the lookup led to is gone; another may have taken its place.

    async def _afound(self, pk: Any) -> M | None:
        try:
            return await self._aby_pk(pk)
        except ObjectDoesNotExist:
            return None  # As above.

    def _asked(self, lookup: Mapping[str, Any]) -> tuple[tuple[Field[Any, Any], ...], list[Any]]:
        for names, fields in zip(self._lookups, self.lookups, strict=True):
            if lookup.keys() == set(names):
                return fields, [lookup[name] for name in names]
        known = ", ".join(["pk", *("+".join(names) for names in self._lookups)])
        raise ConfigurationError(self.name, f"has no lookup by {'+'.join(sorted(lookup))}; it has {known}")

    def _fits(self, row: M | None, lookup: Mapping[str, Any]) -> bool:
        if row is None:
            return False
        fields, asked = self._asked(lookup)
        return lookup_text(fields, asked) == lookup_text(fields, [getattr(row, field.attname) for field in fields])
