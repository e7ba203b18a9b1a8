"""Which table a statement writes to; what is not known to read counts as a write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_hooks.sql import OTHER, written_tables


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ('INSERT INTO "a" ("x") VALUES (%s)', ["a"]),
        ("INSERT OR IGNORE INTO a VALUES (1)", ["a"]),
        ("INSERT INTO a SELECT * FROM b ON CONFLICT DO UPDATE SET x = 1", ["a"]),
        ("INSERT INTO [dbo].[a] VALUES (1)", ["a"]),
        ("insert ignore into `shop`.`a` values (1)", ["a"]),
        ("update `a` set x = 1", ["a"]),
        ("UPDATE OR ROLLBACK a SET x = 1", ["a"]),
        ("DELETE FROM ONLY shop.a", ["a"]),
        ("REPLACE INTO a VALUES (1)", ["a"]),
        ("MERGE INTO a USING b ON a.x = b.x", ["a"]),
        ('/* why */ -- and how\n DeLeTe FROM "s"."a" WHERE 1', ["a"]),
        ("WITH x AS (SELECT 1) UPDATE a SET x = 1", ["a"]),
        ("WITH x AS (DELETE FROM a RETURNING *), y AS (INSERT INTO b SELECT * FROM x) SELECT 1", ["a", "b"]),
        ("SELECT x INTO a FROM b", ["a"]),
        ("SELECT 1; DROP TABLE IF EXISTS a", ["a"]),
        ("DELETE FROM a; DELETE FROM b", ["a", "b"]),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON a (x)", ["a"]),
        ("CREATE TEMPORARY TABLE a (x int)", ["a"]),
        ("ALTER TABLE a ADD x int", ["a"]),
        ("TRUNCATE a, b", ["a"]),
        ("COPY a FROM STDIN", ["a"]),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY a", ["a"]),
        ("EXPLAIN (ANALYZE) UPDATE a SET x = 1", ["a"]),
        ("CALL tidy_up()", [OTHER]),
        ("/* /* nested */ */ DELETE FROM a", ["a"]),
        ("/* in /* nested */ words */ DELETE FROM a", [OTHER]),
        ("/*! DELETE FROM a */", ["a"]),
        ("DELETE FROM", [OTHER]),
        ("SELECT * FROM a FOR UPDATE OF a SKIP LOCKED", []),
        ("WITH x AS (SELECT 1) SELECT * FROM x FOR UPDATE", []),
        ("SELECT 'DELETE FROM a; DROP TABLE b' FROM c", []),
        ('SELECT "update" FROM (SELECT 1) AS "delete"', []),
        ("(SELECT 1) UNION (SELECT 2)", []),
        ("EXPLAIN UPDATE a SET x = 1", []),
        ("COPY a TO STDOUT", []),
        ("SAVEPOINT s1", []),
        ("", []),
    ],
)
def test_the_table(sql, tables):
    assert written_tables(sql) == tables


@given(st.text(max_size=200))
def test_any_text_gets_an_answer(sql):
    assert isinstance(written_tables(sql), list)
