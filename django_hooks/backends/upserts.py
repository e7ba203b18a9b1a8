"""Many rows of a database cache in one go, each kind of database in the way that it is fastest at.

All functions are called within a transaction; rows are key, text, and end, with keys that differ. Without overwriting,
expired rows alone are replaced, whoever wrote them in the meantime.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

Row: TypeAlias = tuple[str, str, Any]
Named: TypeAlias = Callable[[str], str]
"""Fills the names of table and columns into a statement."""

_INSERT: Final = "INSERT INTO {table} ({key}, {value}, {expires}) "
_CONFLICT: Final = " ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}, {expires} = excluded.{expires}"
_EXPIRED: Final = " WHERE {table}.{expires} < %s"
# Three texts are parsed and planned in no time; thousands of single values, or of an array's elements, are not.
_GIVEN: Final = (
    "SELECT * FROM unnest(string_to_array(%s, %s), string_to_array(%s, ','), string_to_array(%s, ',')::timestamptz[])"
)
_PART: Final = 1000
"""Rows of a statement for PostgreSQL: what it has to unfold stays small, and fewer cost more round trips."""


def upsert_postgresql(cursor: Any, named: Named, rows: Sequence[Row], now: Any, *, overwrite: bool) -> set[str]:
    """Write; the keys of rows that were left alone, as they live."""
    sql = named(_INSERT + _GIVEN + _CONFLICT + ("" if overwrite else _EXPIRED + " RETURNING {key}"))
    left: set[str] = set()
    for start in range(0, len(rows), _PART):
        keys, texts, ends = zip(*rows[start : start + _PART], strict=True)
        end_texts = {end: str(end) for end in set(ends)}
        between = _in_none_of(keys)
        # Neither base64 nor a moment has a comma in it.
        given = [between.join(keys), between, ",".join(texts), ",".join(map(end_texts.__getitem__, ends))]
        cursor.execute(sql, given if overwrite else [*given, now])
        if not overwrite:
            left.update(set(keys).difference(key for (key,) in cursor.fetchall()))
    return left


def _in_none_of(keys: Sequence[str]) -> str:
    """The first character that no key has."""
    text = "".join(keys)
    return next(mark for number in range(1, sys.maxunicode) if (mark := chr(number)) not in text)


def upsert_sqlite(cursor: Any, named: Named, rows: Sequence[Row], now: Any, *, overwrite: bool) -> set[str]:
    """Write; the keys of rows that were left alone, as they live."""
    if overwrite:
        _insert_sqlite(cursor, named, rows, _CONFLICT, [])
        return set()
    before = cursor.db.savepoint()  # `transaction.savepoint` has another name from Django 6.1 on.
    if _insert_sqlite(cursor, named, rows, _CONFLICT + _EXPIRED, [now]) == len(rows):
        cursor.db.savepoint_commit(before)
        return set()
    # It does not say which; and from the first write on nobody else can write, so what lives now is what lived then.
    cursor.db.savepoint_rollback(before)
    live = live_keys(cursor, named, [key for key, _, _ in rows], now)
    _insert_sqlite(cursor, named, [row for row in rows if row[0] not in live], _CONFLICT + _EXPIRED, [now])
    return live


def _insert_sqlite(cursor: Any, named: Named, rows: Sequence[Row], end: str, values: Sequence[Any]) -> int:
    """Write; how many rows were written."""
    # What it takes, not what Django believes: 999, the limit of long ago. A statement a row takes half as long again.
    most = cursor.db.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    size = max(1, (most - len(values)) // 3)
    count = 0
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        marks = ", ".join(["(%s, %s, %s)"] * len(part))
        cursor.execute(named(f"{_INSERT}VALUES {marks}{end}"), [*chain.from_iterable(part), *values])
        count += cursor.rowcount
    return count


def upsert_mysql(cursor: Any, named: Named, rows: Sequence[Row], now: Any, *, overwrite: bool) -> set[str]:
    """Write; which rows it left alone, the database does not tell."""
    new = "VALUES({0})" if overwrite else "IF({{expires}} < %s, VALUES({0}), {0})"
    changes = ", ".join(f"{column} = " + new.format(column) for column in ("{value}", "{expires}"))
    marks = ", ".join(["(%s, %s, %s)"] * len(rows))
    sql = named(f"{_INSERT}VALUES {marks} ON DUPLICATE KEY UPDATE {changes}")
    if rows:
        cursor.execute(sql, [*(value for row in rows for value in row), *([] if overwrite else [now, now])])
    return set()


def one_of(vendor: str, keys: Sequence[str]) -> tuple[str, list[str]]:
    """A condition that a row's key is among these, and its values."""
    if vendor == "sqlite":
        return "{key} IN (SELECT value FROM json_each(%s))", [json.dumps(keys)]
    if vendor == "postgresql":
        between = _in_none_of(keys)
        # A subquery, of whose values PostgreSQL knows nothing: it looks all of them up, where else it might read a
        # whole table that has no statistics yet.
        return "{key} = ANY((SELECT string_to_array(%s, %s))::text[])", [between.join(keys), between]
    return f"{{key}} IN ({', '.join(['%s'] * len(keys))})", list(keys)


def live_keys(cursor: Any, named: Named, keys: Sequence[str], now: Any) -> set[str]:
    """Those of the keys that have not expired."""
    condition, values = one_of(cursor.db.vendor, keys)
    select = named(f"SELECT {{key}} FROM {{table}} WHERE {condition} AND {{expires}} >= %s")  # noqa: S608 - names alone
    cursor.execute(select, [*values, now])
    return {key for (key,) in cursor.fetchall()}


UPSERTS: Final = {"sqlite": upsert_sqlite, "postgresql": upsert_postgresql, "mysql": upsert_mysql}
