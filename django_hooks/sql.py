"""Which table a statement writes to, told from its text. Pure.

Statements that are known to read are let pass; whatever is not known counts as a write, to a table of the name
``(other)``: a guard that guesses must guess on the safe side. Not seen here, because it does not pass through
``cursor.execute``: what a function called by a SELECT does, ``COPY`` on the driver's own cursor, and ``callproc``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

OTHER: Final = "(other)"
"""A statement that may write, and names no table."""

_LEXEME: Final = re.compile(
    r"""
    (?P<skip> --[^\n]* | /\*(?!!).*?\*/ | '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    |(?P<name> "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]+\] )
    |(?P<word> [^\W\d][\w$\#]* )
    |(?P<mark> [().,;] )
    """,
    re.VERBOSE | re.DOTALL,
)
"""Strings by the standard's rule, in which a backslash is a character like others. MySQL runs ``/*! … */``."""

_READING: Final = frozenset(
    {"SELECT", "VALUES", "SHOW", "DESCRIBE", "DESC", "PRAGMA", "SET", "RESET", "USE", "BEGIN", "START", "COMMIT", "END"}
    | {"ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "DECLARE", "FETCH", "MOVE", "CLOSE", "LISTEN", "UNLISTEN", "NOTIFY"}
    | {"DISCARD", "DEALLOCATE", "LOCK", "UNLOCK", "KILL", "CHECKPOINT"}
)
_CHANGING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"})
_DEFINING: Final = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "REFRESH", "COMMENT", "COPY", "LOAD"})
_BETWEEN: Final = frozenset(
    {"INTO", "FROM", "ONLY", "TABLE", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "OVERWRITE", "IF"}
    | {"NOT", "EXISTS", "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL", "VIRTUAL", "MATERIALIZED", "VIEW", "OR"}
    | {"CONCURRENTLY", "ROLLBACK", "ABORT", "FAIL", "REPLACE", "DATA", "INFILE"}
)
"""Words that may stand between the verb and the table."""


def written_tables(sql: str) -> list[str]:
    """The tables that ``sql`` writes to, without their schemas; none when it only reads.

    >>> written_tables('WITH old AS (DELETE FROM "shop"."orders" RETURNING *) SELECT * FROM old')
    ['orders']
    >>> written_tables("SELECT * FROM orders FOR UPDATE")
    []
    """
    return [table for statement in _statements(sql) for table in _written_by(statement)]


def _statements(sql: str) -> Iterator[list[str]]:
    """Each statement as a list of lexemes: words in upper case, names as they are behind a ``"``, marks."""
    statement: list[str] = []
    for match in _LEXEME.finditer(sql):
        if match["skip"] is not None:
            continue
        if match["mark"] == ";":
            yield statement
            statement = []
        elif match["name"]:
            statement.append('"' + match["name"][1:-1])
        else:
            statement.append(match["word"] or match["mark"])
    yield statement


def _written_by(lexemes: Sequence[str]) -> list[str]:
    start = next((n for n, lexeme in enumerate(lexemes) if lexeme != "("), len(lexemes))
    lexemes = lexemes[start:]
    verb = lexemes[0].upper() if lexemes else "SELECT"
    if verb in _CHANGING:
        return [_table_after(lexemes[1:])]
    if verb in _DEFINING:
        return _defined_table(lexemes)
    if read := _READERS.get(verb):
        return read(lexemes)
    return [] if verb in _READING else [OTHER]


def _written_behind_with(lexemes: Sequence[str]) -> list[str]:
    # A verb stands at the start of a subquery, or behind the last of them; FOR UPDATE and DO UPDATE do neither.
    return [
        _table_after(lexemes[number + 1 :])
        for number, lexeme in enumerate(lexemes)
        if lexeme.upper() in _CHANGING and lexemes[number - 1] in ("(", ")")
    ]


def _written_by_explained(lexemes: Sequence[str]) -> list[str]:
    """EXPLAIN ANALYZE runs what it explains; EXPLAIN alone does not."""
    lexemes = lexemes[1:]
    words = [lexeme.upper() for lexeme in lexemes]
    verbs = [n for n, word in enumerate(words) if word in _CHANGING or word in {"WITH", "SELECT"}]
    if not verbs or "ANALYZE" not in words[: verbs[0]]:
        return []
    return _written_by(lexemes[verbs[0] :])


def _selected_into(lexemes: Sequence[str]) -> list[str]:
    depth = 0
    for number, lexeme in enumerate(lexemes):
        depth += (lexeme == "(") - (lexeme == ")")
        word = lexeme.upper()
        if depth == 0 and word == "FROM":
            return []
        if depth == 0 and word == "INTO":
            return [_table_after(lexemes[number + 1 :])]
    return []


def _defined_table(lexemes: Sequence[str]) -> list[str]:
    words = [lexeme.upper() for lexeme in lexemes]
    if words[0] == "COPY" and "TO" in words and "FROM" not in words:
        return []
    for before in ("TABLE", "ON", "VIEW"):
        if before in words[1:]:
            return [_table_after(lexemes[words.index(before, 1) + 1 :])]
    return [_table_after(lexemes[1:]) if words[0] in {"TRUNCATE", "COPY"} else OTHER]


def _table_after(lexemes: Sequence[str]) -> str:
    """The first name, the last of its dotted parts."""
    rest = iter(enumerate(lexemes))
    for number, lexeme in rest:
        if lexeme.upper() in _BETWEEN:
            continue
        while lexemes[number + 1 : number + 2] == ["."] and number + 2 < len(lexemes):
            number += 2  # noqa: PLW2901 - walks on along schema.table
        name = lexemes[number].removeprefix('"')
        return name if name not in "()," else OTHER
    return OTHER


_READERS: Final = {"WITH": _written_behind_with, "EXPLAIN": _written_by_explained, "SELECT": _selected_into}
"""Statements that read as a rule, and may write."""
