"""Django's database cache: one statement for a batch, where its own ``set_many`` runs five for each key.

The rows are byte for byte those that Django writes. What has expired is cleared away once, as Django does it when the
table is full; entries that live are never culled: what does not fit is not written.
"""

from __future__ import annotations

import functools
import pickle
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterator, Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.cache import InvalidCacheKey
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, models, router, transaction
from django.utils import timezone

from .base import OVERHEAD_BYTES, Store, is_own
from .findings import GONE, Finding, Gone, Problems, wrong_time
from .in_bulk import Stored, longest
from .items import Item
from .room import HEADROOM, Room
from .upserts import UPSERTS, Row, live_keys, one_of

_MAX_KEY_LENGTH: Final = 255
"""Of the column, as ``createcachetable`` makes it."""
_MAXYEAR_S: Final = (datetime(MAXYEAR, 1, 1, tzinfo=UTC) - timedelta(days=1)).timestamp()
"""Wherever on Earth that is."""
_VENDORS: Final = ("sqlite", "postgresql", "mysql")


class DatabaseStore(Store):
    """``DatabaseCache`` on SQLite, PostgreSQL, MySQL and MariaDB."""

    tells_time_left = True
    needs_value = False
    batch_keys = 4000
    """Each batch is a transaction, whose end waits for the disk."""

    @property
    def may_be_asked_apart(self) -> bool:  # type: ignore[override]  # depends on the moment
        """Not within a transaction, of which others see nothing, nor with SQLite, where there is nobody to wait for.

        Nor with an engine that is not Django's own: those of tenants look into a schema that their thread has chosen.
        """
        connection = self._connection
        is_djangos = connection.settings_dict["ENGINE"].startswith("django.db.backends.")
        return is_djangos and connection.vendor != "sqlite" and not connection.in_atomic_block

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
        if "\x00" in made:
            raise InvalidCacheKey(f"the database cache takes no key with NUL in it: {made[:60]!r}")
        if len(made) > _MAX_KEY_LENGTH:
            raise InvalidCacheKey(f"the database cache takes keys of up to {_MAX_KEY_LENGTH} letters: {made[:60]!r}")
        return made

    def encode(self, item: Item) -> None:
        """As Django's ``_base_set``."""
        item.data = b2a_base64(pickle.dumps(item.value, self.cache.pickle_protocol), newline=False)
        item.size_bytes = len(item.made) + len(item.data) + OVERHEAD_BYTES

    def as_read(self, item: Item) -> Any:
        """As Django's ``get_many``."""
        return self.decoded((a2b_base64(item.data or b""), 0))

    def present(self, items: Sequence[Item]) -> set[int]:
        """The rows that have not expired."""
        live = {key for (key,) in self._select("{key}", _made(items), "AND {expires} >= %s", self._now())}
        return {index for index, item in enumerate(items) if item.made in live}

    def missing(self, keys: Sequence[str], version: int | str | None, made: Sequence[str]) -> Sequence[int]:
        """One count, and nothing more where it is that of all keys."""
        if self._connection.vendor == "mysql":  # which takes so many bytes at once
            return super().missing(keys, version, made)
        condition, values = one_of(self._connection.vendor, made)
        count_live = self._named(f"SELECT COUNT(*) FROM {{table}} WHERE {condition} AND {{expires}} >= %s")  # noqa: S608
        now = self._now()
        with self._connection.cursor() as cursor:
            cursor.execute(count_live, [*values, now])
            if (count := cursor.fetchone()[0]) in (0, len(made)):
                return range(count, len(made))
            live = live_keys(cursor, self._named, made, now)
        return [index for index, key in enumerate(made) if key not in live]

    def _takes_all(self, made: Sequence[str]) -> bool:
        return super()._takes_all(made) and longest(made) <= _MAX_KEY_LENGTH and "\x00" not in "".join(made)

    def stored(self, made: Sequence[str]) -> list[Stored | None]:
        """The bytes within the text."""
        found = dict(self._select("{key}, {value}", made, "AND {expires} >= %s", self._now()))
        return [(a2b_base64(found[key]), 0) if key in found else None for key in made]

    def decoded(self, stored: Stored) -> Any:
        """As Django's ``get_many``."""
        return pickle.loads(stored[0])  # noqa: S301 - as above

    def write(self, items: Sequence[Item], *, overwrite: bool) -> Problems:
        """Upsert; without overwriting, expired rows alone are replaced, whoever wrote them in the meantime."""
        connection = self._connection
        # Within a transaction of the caller's, a failed statement must not take the caller's work with it.
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            # Where the database does not tell which rows it left alone, they are looked for in the same transaction.
            taken = self.present(items) if connection.vendor == "mysql" and not overwrite else set()
            rows = (
                [row for index, row in enumerate(self._rows(items)) if index not in taken]
                if taken
                else self._rows(items)
            )
            left: set[str] = set()
            for part in self._at_once(rows):
                left |= UPSERTS[connection.vendor](cursor, self._named, part, self._now(), overwrite=overwrite)
        if left:
            taken = {index for index, item in enumerate(items) if item.made in left}
        return dict.fromkeys(taken, (Finding.TAKEN, ""))

    def _rows(self, items: Sequence[Item]) -> list[Row]:
        ends = {timeout_s: self._expires(timeout_s) for timeout_s in {item.timeout_s for item in items}}
        return [(item.made, (item.data or b"").decode("ascii"), ends[item.timeout_s]) for item in items]

    def _expires(self, timeout_s: float | None) -> Any:
        """As Django's ``_base_set``: whole seconds, and the end of time for what never ends."""
        if timeout_s is None:
            expires = datetime.max  # noqa: DTZ901 - what Django writes
        else:
            ends_at_s = self.cache.get_backend_timeout(timeout_s)
            expires = datetime.fromtimestamp(ends_at_s, tz=UTC if settings.USE_TZ else None)
        return self._adapted(expires.replace(microsecond=0))

    def _now(self) -> Any:
        return self._adapted(timezone.now().replace(microsecond=0))

    def _adapted(self, moment: datetime) -> Any:
        return self._connection.ops.adapt_datetimefield_value(moment)

    def verify(self, items: Sequence[Item], elapsed_s: float) -> Problems:
        """Values as they lie there, and the time that they have left."""
        found = {key: row for key, *row in self._select(f"{{key}}, {{value}}, {self._end}", _made(items))}
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
        found = dict(self._select(f"{{key}}, {self._end}", _made(items)))
        seconds_left = self._clock()
        return [seconds_left(found[item.made]) if item.made in found else GONE for item in items]

    def _select(self, columns: str, made: Sequence[str], condition: str = "", *values: Any) -> Iterator[Any]:
        for part in self._at_once(made):
            among, keys = one_of(self._connection.vendor, part)
            sql = self._named(f"SELECT {columns} FROM {{table}} WHERE {among} {condition}")  # noqa: S608
            with self._connection.cursor() as cursor:
                cursor.execute(sql, [*keys, *values])
                yield from cursor.fetchall()

    def _at_once(self, rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """Rows, or keys alone, in parts that the database takes with one statement."""
        yield rows

    @property
    def _end(self) -> str:
        if self._connection.vendor != "postgresql":
            return "{expires}"
        # A client library makes dates one by one, which takes longer than all the rest of reading back. Without time
        # zones, Django writes and compares what clocks show.
        moment = "{expires}" if settings.USE_TZ else "{expires} AT TIME ZONE current_setting('TimeZone')"
        return f"EXTRACT(EPOCH FROM {moment})::bigint"

    def _clock(self) -> Callable[[Any], float | Gone | None]:
        """What turns a value of `_end` into seconds left."""
        connection = self._connection
        # As DatabaseCache itself reads the column: without a model, by the converters of a date and time.
        expression: Any = models.Expression(output_field=models.DateTimeField())
        converters = connection.ops.get_db_converters(expression) + expression.get_db_converters(connection)
        now = timezone.now()
        now_s = (now if settings.USE_TZ else now.replace(tzinfo=UTC)).timestamp()

        @functools.cache  # entries of one timeout end together
        def seconds_left(end: Any) -> float | Gone | None:
            if isinstance(end, int):
                is_endless, left_s = end >= _MAXYEAR_S, end - now_s
            else:
                for converter in converters:
                    end = converter(end, expression, connection)
                is_endless, left_s = end.year >= MAXYEAR, (end - now).total_seconds()
            if is_endless:  # how the database cache writes "for ever"
                return None
            return left_s if left_s > 0 else GONE

        return seconds_left

    def room(self, *, tidies: bool = False) -> Room:
        """Up to ``MAX_ENTRIES``; what has expired is cleared away as Django itself does it when the table is full."""
        if tidies:
            with self._connection.cursor() as cursor:
                cursor.execute(self._named("DELETE FROM {table} WHERE {expires} < %s"), [self._now()])
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


def store_for(alias: str, cache: Any) -> Store | None:
    """The store for a database cache whose way of storing is the one that we know."""
    if not is_own(cache, DatabaseCache, "set", "add", "get", "get_many", "_base_set"):
        return None
    vendor = connections[router.db_for_write(cache.cache_model_class)].vendor
    if vendor == "mysql":
        from .mysql import MySQLStore  # noqa: PLC0415 - it is a subclass of what is defined here

        return MySQLStore(alias, cache)
    return DatabaseStore(alias, cache) if vendor in _VENDORS else None
