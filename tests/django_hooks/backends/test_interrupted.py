"""A query that is still under way at the deadline is given up, and nobody after it gets its answer."""

from __future__ import annotations

import time

import pytest
from django.db import connections

from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import CacheEntry, Warmer
from url_manifests.outcomes import Result

from .conftest import OTHER

SLEEPS = {"postgres": "SELECT 'late' FROM pg_sleep(30)", "mariadb": "SELECT 'late', SLEEP(30)"}


class Slow(Warmer):
    """What the database takes half a minute for, in the list of entries or in a value."""

    name = "slow"
    timeout = 60

    def __init__(self, query, *, lists):
        self._query = query
        self._lists = lists

    def entries(self):
        if self._lists:
            self._ask()
        yield CacheEntry(key="slow", compute=self._ask)

    def _ask(self):
        with connections[OTHER].cursor() as cursor:
            cursor.execute(self._query)
            return cursor.fetchone()


@pytest.mark.parametrize("lists", [True, False], ids=["entries", "value"])
@pytest.mark.parametrize("anywhere", SLEEPS, indirect=True)
def test_the_connection_is_not_used_again(anywhere, lists):
    began_s = time.monotonic()
    engine = Engine(RunOptions(deadline_s=0.2))
    (outcome,) = engine.run([Slow(SLEEPS[anywhere], lists=lists)])
    assert time.monotonic() - began_s < 10
    assert outcome.result is Result.FAILED
    assert "interrupted at the deadline" in outcome.detail
    with connections[OTHER].cursor() as cursor:
        cursor.execute("SELECT 'mine'")
        assert cursor.fetchone() == ("mine",)
