"""How long entries will live, for the backends that can tell: the database cache, Django's Redis and django-redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import MAXYEAR
from typing import Any

from django.core.cache import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.redis import RedisCache
from django.db import connections, models, router
from django.utils import timezone


def shortest_s(cache: BaseCache, keys: Sequence[str], version: int | str | None) -> float | None:
    """The least time left among entries that are there; ``None`` when none of them ends, or the backend cannot tell.

    May raise whatever the backend raises.
    """
    if isinstance(cache, DatabaseCache):
        found = _in_database(cache, keys, version)
    elif isinstance(cache, RedisCache):
        found = _in_redis(cache, keys, version)
    elif hasattr(cache, "pttl"):
        milliseconds = (cache.pttl(key, version=version) for key in keys)
        found = (left / 1000 for left in milliseconds if left)
    else:
        return None
    return min((left for left in found if left > 0), default=None)


def _in_redis(cache: Any, keys: Sequence[str], version: int | str | None) -> Iterator[float]:
    for key in keys:
        made = cache.make_and_validate_key(key, version=version)
        # Redis answers -1 for a key without an end and -2 for none at all.
        yield cache._cache.get_client(made).pttl(made) / 1000  # noqa: SLF001 - Django offers no way to ask


def _in_database(cache: Any, keys: Sequence[str], version: int | str | None) -> Iterator[float]:
    connection = connections[router.db_for_read(cache.cache_model_class)]
    quote = connection.ops.quote_name
    made = [cache.make_and_validate_key(key, version=version) for key in keys]
    marks = ", ".join(["%s"] * len(made))
    # As DatabaseCache itself reads the column: without a model, by the converters of a date and time.
    expression: Any = models.Expression(output_field=models.DateTimeField())
    converters = connection.ops.get_db_converters(expression) + expression.get_db_converters(connection)
    with connection.cursor() as cursor:
        table = quote(cache._table)  # noqa: SLF001 - the setting LOCATION
        cursor.execute(f"SELECT {quote('expires')} FROM {table} WHERE {quote('cache_key')} IN ({marks})", made)  # noqa: S608
        rows = cursor.fetchall() if made else []
    for (expires,) in rows:
        for converter in converters:
            expires = converter(expires, expression, connection)  # noqa: PLW2901 - one after the other
        if expires.year < MAXYEAR:  # how the database cache writes "for ever"
            yield (expires - timezone.now()).total_seconds()
