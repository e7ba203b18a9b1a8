"""Warms queries that a query cache keeps (django-cachalot, django-cacheops): by running them.

Key and place of such an entry are the query cache's own business. So each query is run as a view would run it, and then
once more: what takes no query of the database the second time is warm, and what does is reported as not stored.

::

    @register_queries("shop.menu")
    def menu():
        yield Category.objects.filter(parent=None).prefetch_related("children")
        yield Brand.objects.all().count                     # or anything else that can be called
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar, TypeAlias

from django.conf import settings
from django.db import connections
from django.db.models import QuerySet

from .base import CacheEntry, Category, Warmer
from .registry import registry

Query: TypeAlias = QuerySet[Any] | Callable[[], Any]


class QueryWarmer(Warmer):
    """Runs queries, twice each."""

    category: ClassVar[str] = Category.ROWS

    def queries(self) -> Iterable[Query]:
        """Query sets, evaluated as a view would; or callables, called."""
        raise NotImplementedError

    def entries(self) -> Iterator[CacheEntry]:
        """One entry for each query; it has no key of ours, so the name is a number and what is asked for."""
        for number, query in enumerate(self.queries()):
            yield CacheEntry(key=f"{self.name}:{number}:{_title(query)}", evaluate=partial(_evaluate, query))


class _FunctionQueries(QueryWarmer):
    def __init__(self, function: Callable[[], Iterable[Query]]) -> None:
        self._function = function

    def queries(self) -> Iterator[Query]:
        yield from self._function()


def register_queries(
    name: str, *, category: str = Category.ROWS, priority: int = 0, depends_on: Sequence[str] = ()
) -> Callable[[Callable[[], Iterable[Query]]], Callable[[], Iterable[Query]]]:
    """Register the function that follows, which yields query sets or callables.

    Raises:
        DuplicateWarmerError: the name is taken.
    """

    def decorate(function: Callable[[], Iterable[Query]]) -> Callable[[], Iterable[Query]]:
        declared = {"name": name, "category": category, "priority": priority, "depends_on": depends_on}
        registry.add(type("DeclaredQueries", (_FunctionQueries,), declared)(function))
        return function

    return decorate


def _title(query: Query) -> str:
    if isinstance(query, QuerySet):
        return str(query.model._meta.label)  # noqa: SLF001 - documented by Django
    # No key may hold a space, and a lambda's or a partial's name has others yet.
    return "".join(c if c.isalnum() or c in "._" else "-" for c in getattr(query, "__qualname__", type(query).__name__))


def _evaluate(query: Query) -> int:
    """Run it, and say how many statements reached a database."""
    counter = _Counter()
    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(connections[alias].execute_wrapper(counter))
        if isinstance(query, QuerySet):
            for _ in query.all():  # The query set itself would remember its rows.
                pass
        else:
            query()
    return counter.statements


class _Counter:
    """Counts statements, except those on the tables of database caches: there, they are the cache."""

    def __init__(self) -> None:
        self.statements = 0
        self._tables = [
            str(options["LOCATION"])
            for options in settings.CACHES.values()
            if str(options.get("BACKEND", "")).endswith(".DatabaseCache")
        ]

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        if not any(table in sql for table in self._tables):
            self.statements += 1
        return execute(sql, params, many, context)
