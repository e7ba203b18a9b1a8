"""Django's database cache: one statement for a batch, where its own ``set_many`` runs five for each key.

The rows are byte for byte those that Django writes. What has expired is cleared away once, as Django does it when the
table is full; entries that live are never culled: what does not fit is not written.
"""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from datetime import MAXYEAR, UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.core.cache import InvalidCacheKey
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, models, router, transaction
from django.utils import timezone

from .base import OVERHEAD_BYTES, Item, Store, is_own
from .findings import GONE, Finding, Gone, Problems, wrong_time
from .in_bulk import Stored, longest
from .room import HEADROOM, Room

_MAX_KEY_LENGTH: Final = 255
"""Of the column, as ``createcachetable`` makes it."""
_VENDORS: Final = ("sqlite", "postgresql", "mysql")
_LISTED: Final = {
    "sqlite": "IN (SELECT value FROM json_each(%s))",
    "postgresql": "= ANY(ARRAY(SELECT json_array_elements_text(%s::json)))",
}
"""How a list of any length is one parameter."""


class DatabaseStore(Store):
    """``DatabaseCache`` on SQLite, PostgreSQL, MySQL and MariaDB."""

    tells_time_left = True
    needs_value = False

    @property
    def _connection(self) -> Any:
        return connections[router.db_for_write(self.cache.cache_model_class)]

    def _named(self, sql: str) -> str:
        quote = self._connection.ops.quote_name
        columns = {"key": quote("cache_key"), "value": quote("value"), "expires": quote("expires")}
        return sql.format(table=quote(self.cache._table), **columns)  # noqa: SLF001 - the setting LOCATION

    def make(self, key: str, version: int | str | None) -> str:
        """What is longer than the column, SQLite would take and other databases refuse."""
        made = super().make(key, version)
        if len(made) > _MAX_KEY_LENGTH or "\x00" in made:
            raise InvalidCacheKey(f"the database cache takes keys of up to {_MAX_KEY_LENGTH} letters: {made[:60]!r}")
        return made

    def encode(self, item: Item) -> None:
        """As Django's ``_base_set``."""
        item.data = base64.b64encode(pickle.dumps(item.value, self.cache.pickle_protocol))
        item.size_bytes = len(item.made) + len(item.data) + OVERHEAD_BYTES

    def present(self, items: Sequence[Item]) -> set[int]:
        """The rows that have not expired."""
        now = self._adapted(timezone.now().replace(microsecond=0))
        live = {key for (key,) in self._select("{key}", _made(items), "AND {expires} >= %s", now)}
        return {index for index, item in enumerate(items) if item.made in live}

    def _takes_all(self, made: Sequence[str]) -> bool:
        return super()._takes_all(made) and longest(made) <= _MAX_KEY_LENGTH and "\x00" not in "".join(made)

    def missing(self, keys: Sequence[str], version: int | str | None, made: Sequence[str]) -> Sequence[int]:
        """One count, and nothing more where it is that of all keys."""
        listed = _LISTED.get(self._connection.vendor)
        if listed is None:
            return super().missing(keys, version, made)
        now = self._adapted(timezone.now().replace(microsecond=0))
        condition, given = f" WHERE {{key}} {listed} AND {{expires}} >= %s", [json.dumps(made), now]
        with self._connection.cursor() as cursor:
            cursor.execute(self._named("SELECT COUNT(*) FROM {table}" + condition), given)
            if (count := cursor.fetchone()[0]) in (0, len(made)):
                return range(count, len(made))
            cursor.execute(self._named("SELECT {key} FROM {table}" + condition), given)
            live = {key for (key,) in cursor.fetchall()}
        return [index for index, key in enumerate(made) if key not in live]

    def stored(self, made: Sequence[str]) -> list[Stored | None]:
        """The bytes within the text."""
        now = self._adapted(timezone.now().replace(microsecond=0))
        found = dict(self._select("{key}, {value}", made, "AND {expires} >= %s", now))
        return [(base64.b64decode(found[key]), 0) if key in found else None for key in made]

    def decoded(self, stored: Stored) -> Any:
        """As Django's ``get_many``."""
        return pickle.loads(stored[0])  # noqa: S301 - as above

    def write(self, items: Sequence[Item], *, overwrite: bool) -> Problems:
        """Upsert; without overwriting, expired rows alone are replaced, whoever wrote them in the meantime."""
        connection = self._connection
        now = self._adapted(timezone.now().replace(microsecond=0))
        # Within a transaction of the caller's, a failed statement must not take the caller's work with it.
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            tells = _tells_what_it_wrote(connection)
            # Where the database does not tell which rows it left alone, they are looked for in the same transaction.
            taken = set() if overwrite or tells else self.present(items)
            rows = [row for index, row in enumerate(self._rows(items)) if index not in taken]
            written: set[str] = set()
            for part in [rows] if connection.vendor == "postgresql" else self._parts(rows, 3):
                source, values = self._source(part)
                cursor.execute(source + self._on_conflict(overwrite=overwrite), [*values, *self._again(now, overwrite)])
                written.update(key for (key,) in (cursor.fetchall() if tells else ()))
        if tells:
            taken = {index for index, item in enumerate(items) if item.made not in written}
        return dict.fromkeys(taken, (Finding.TAKEN, ""))

    def _rows(self, items: Sequence[Item]) -> Iterator[tuple[str, str, Any]]:
        ends: dict[float | None, Any] = {}
        for item in items:
            if item.timeout_s not in ends:
                ends[item.timeout_s] = self._expires(item)
            yield item.made, (item.data or b"").decode("ascii"), ends[item.timeout_s]

    def _source(self, rows: Sequence[tuple[str, str, Any]]) -> tuple[str, list[Any]]:
        insert = self._named("INSERT INTO {table} ({key}, {value}, {expires}) ")
        if self._connection.vendor == "postgresql":
            # Three lists are parsed and planned in no time, thousands of single values are not.
            keys, texts, ends = ([row[column] for row in rows] for column in range(3))
            source = "SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[])"
            return insert + source, [keys, texts, [str(end) for end in ends]]
        return insert + "VALUES " + ", ".join(["(%s, %s, %s)"] * len(rows)), [value for row in rows for value in row]

    def _on_conflict(self, *, overwrite: bool) -> str:
        if self._connection.vendor == "mysql":
            new = "VALUES({0})" if overwrite else "IF({{expires}} < %s, VALUES({0}), {0})"
            changes = ", ".join(f"{c} = " + new.format(c) for c in ("{value}", "{expires}"))
            return self._named(f" ON DUPLICATE KEY UPDATE {changes}")
        update = " ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}, {expires} = excluded.{expires}"
        update += "" if overwrite else " WHERE {table}.{expires} < %s"
        return self._named(update + (" RETURNING {key}" if _tells_what_it_wrote(self._connection) else ""))

    def _again(self, now: Any, overwrite: bool) -> list[Any]:  # noqa: FBT001 - private
        """The values for the condition of `_on_conflict`."""
        if overwrite:
            return []
        return [now] * (2 if self._connection.vendor == "mysql" else 1)

    def _expires(self, item: Item) -> Any:
        """As Django's ``_base_set``: whole seconds, and the end of time for what never ends."""
        if item.timeout_s is None:
            expires = datetime.max  # noqa: DTZ901 - what Django writes
        else:
            ends_at_s = self.cache.get_backend_timeout(item.timeout_s)
            expires = datetime.fromtimestamp(ends_at_s, tz=UTC if settings.USE_TZ else None)
        return self._adapted(expires.replace(microsecond=0))

    def _adapted(self, moment: datetime) -> Any:
        return self._connection.ops.adapt_datetimefield_value(moment)

    def verify(self, items: Sequence[Item], elapsed_s: float) -> Problems:
        """Values as they lie there, and the time that they have left."""
        found = {key: row for key, *row in self._select("{key}, {value}, {expires}", _made(items))}
        seconds_left = self._clock()
        problems: Problems = {}
        for index, item in enumerate(items):
            if (row := found.get(item.made)) is None:
                problems[index] = (Finding.MISSING, "")
            elif row[0].encode() != item.data:
                problems[index] = (Finding.DIFFERENT, "")
            elif wrong := wrong_time(item.timeout_s, seconds_left(row[1]), elapsed_s):
                problems[index] = wrong
        return problems

    def time_left_s(self, items: Sequence[Item]) -> list[float | Gone | None]:
        """To the second."""
        found = dict(self._select("{key}, {expires}", _made(items)))
        seconds_left = self._clock()
        return [seconds_left(found[item.made]) if item.made in found else GONE for item in items]

    def _select(self, columns: str, made: Sequence[str], condition: str = "", *values: Any) -> Iterator[Any]:
        for part in self._parts(made, 1):
            marks = ", ".join(["%s"] * len(part))
            sql = self._named(f"SELECT {columns} FROM {{table}} WHERE {{key}} IN ({marks}) {condition}")  # noqa: S608
            with self._connection.cursor() as cursor:
                cursor.execute(sql, [*part, *values])
                yield from cursor.fetchall()

    def _parts(self, rows: Sequence[Any], parameters_each: int) -> Iterator[Sequence[Any]]:
        """As many rows at once as the database takes parameters; two are left for a condition."""
        most = self._connection.features.max_query_params
        size = max(1, (most - 2) // parameters_each) if most else max(1, len(rows))
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    def _clock(self) -> Callable[[Any], float | Gone | None]:
        """What turns a value of the column ``expires`` into seconds left."""
        connection = self._connection
        # As DatabaseCache itself reads the column: without a model, by the converters of a date and time.
        expression: Any = models.Expression(output_field=models.DateTimeField())
        converters = connection.ops.get_db_converters(expression) + expression.get_db_converters(connection)
        now = timezone.now()

        def seconds_left(expires: Any) -> float | Gone | None:
            for converter in converters:
                expires = converter(expires, expression, connection)
            if expires.year >= MAXYEAR:  # how the database cache writes "for ever"
                return None
            left_s: float = (expires - now).total_seconds()
            return left_s if left_s > 0 else GONE

        return seconds_left

    def room(self, *, tidies: bool = False) -> Room:
        """Up to ``MAX_ENTRIES``; what has expired is cleared away as Django itself does it when the table is full."""
        if tidies:
            with self._connection.cursor() as cursor:
                now = self._adapted(timezone.now().replace(microsecond=0))
                cursor.execute(self._named("DELETE FROM {table} WHERE {expires} < %s"), [now])
        limit: int = self.cache._max_entries  # noqa: SLF001 - the setting MAX_ENTRIES
        return Room(entries_left=int(limit * HEADROOM) - self._count(), limit=f"MAX_ENTRIES {limit}")

    def _count(self) -> int:
        with self._connection.cursor() as cursor:
            # DatabaseCache itself counts in this way before each of its writes.
            cursor.execute(self._named("SELECT COUNT(*) FROM {table}"))
            return int(cursor.fetchone()[0])

    def recover(self) -> None:
        """A connection that the server has closed is opened anew."""
        if not self._connection.in_atomic_block:
            self._connection.close_if_unusable_or_obsolete()


def _made(items: Sequence[Item]) -> list[str]:
    return [item.made for item in items]


def _tells_what_it_wrote(connection: Any) -> bool:
    return connection.vendor != "mysql" and bool(connection.features.can_return_rows_from_bulk_insert)


def store_for(alias: str, cache: Any) -> Store | None:
    """The store for a database cache whose way of storing is the one that we know."""
    if not is_own(cache, DatabaseCache, "set", "add", "get", "get_many", "_base_set"):
        return None
    vendor = connections[router.db_for_write(cache.cache_model_class)].vendor
    if vendor == "mysql":
        from .mysql import MySQLStore  # noqa: PLC0415 - it is a subclass of what is defined here

        return MySQLStore(alias, cache)
    return DatabaseStore(alias, cache) if vendor in _VENDORS else None
