"""What is broken in the data costs its own entry or warmer, is named with key and reason, and the others go on."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.cached_db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, connections

from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import CachedRows, SessionsWarmer, cached
from django_hooks.warmers.secret_keys import digest_of
from example.accounts.models import Subscription
from tests.django_hooks.conftest import SHARED


@pytest.fixture(autouse=True)
def _own(own_registry):
    """What a test declares is gone after it."""


def run(*warmers):
    return [(o.url, str(o.result), o.reason, o.detail) for o in Engine(RunOptions()).run(warmers)]


def sessions(count):
    keys = []
    for number in range(count):
        store = SessionStore()
        store["visitor"] = number
        store.save()
        cache.delete(store.cache_key)
        keys.append(store.session_key)
    return keys


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_corrupt_session_is_named_and_the_others_are_warmed(backend):
    keys = sessions(6)
    Session.objects.filter(pk=keys[2]).update(session_data="corrupt")
    ended = run(SessionsWarmer())
    name = f"sessions:{digest_of(SessionStore.cache_key_prefix + keys[2])}"
    assert [row for row in ended if row[1] != "stored"] == [
        (name, "failed", "compute-failed", 'BadSignature: No ":" found in value')
    ]
    assert sum(row[1] == "stored" for row in ended) == 5


def test_a_session_that_is_ended_while_it_is_written_is_taken_out_again(backend):
    keys = sessions(3)

    class Interrupted(SessionsWarmer):
        def compute_many(self, entries):
            values = super().compute_many(entries)
            Session.objects.filter(pk=keys[0]).delete()
            return values

    ended = {row[0].removeprefix("sessions:"): row[1:3] for row in run(Interrupted())}
    ended_key = f"{SessionStore.cache_key_prefix}{keys[0]}"
    assert ended.pop(digest_of(ended_key)) == ("skipped", "changed-meanwhile")
    assert set(ended.values()) == {("stored", "")}
    assert cache.get(ended_key) is None


class ReadsReplica:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


def test_a_session_that_a_replica_still_has_is_taken_out_again(backend, settings, django_db_blocker, tmp_path):
    keys = sessions(3)
    replica = connections.settings["default"] | {"NAME": str(tmp_path / "replica.sqlite3")}
    connections.settings["replica"] = replica
    django_db_blocker.unblock()  # The test's own database is the only one that it may use otherwise.
    try:
        with connections["replica"].schema_editor() as editor:
            editor.create_model(Session)
        Session.objects.using("replica").bulk_create(Session.objects.all())
        settings.DATABASE_ROUTERS = [ReadsReplica()]
        Session.objects.using("default").filter(pk=keys[0]).delete()
        ended = {row[0].removeprefix("sessions:"): row[1:3] for row in run(SessionsWarmer())}
    finally:
        settings.DATABASE_ROUTERS = []
        django_db_blocker.restore()
        connections["replica"].close()
        del connections["replica"], connections.settings["replica"]
    assert ended.pop(digest_of(SessionStore.cache_key_prefix + keys[0])) == ("skipped", "changed-meanwhile")
    assert set(ended.values()) == {("stored", "")}
    assert cache.get(f"{SessionStore.cache_key_prefix}{keys[0]}") is None


def test_a_row_that_is_saved_while_it_is_written_is_not_given_to_anybody(backend, own_registry):
    row = Subscription.objects.create(email="a@mail.example", token="old")
    rows = CachedRows("readers", Subscription, timeout=60)
    (warmer,) = own_registry

    class Interrupted(type(warmer)):
        def compute_many(self, entries):
            values = super().compute_many(entries)
            changed = Subscription.objects.get(pk=row.pk)
            changed.token = "new"
            changed.save()
            return values

    run(Interrupted(rows))
    assert rows.get(row.pk).token == "new"


def test_a_missing_table_is_one_finding_and_the_next_warmer_goes_on(backend, own_registry):
    CachedRows("readers", Subscription, timeout=60)

    @cached("figure", timeout=60)
    def figure():
        return 1

    readers, after = sorted(own_registry, key=lambda warmer: warmer.name, reverse=True)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_subscription RENAME TO elsewhere")
    ended = run(readers, after)
    assert ended[0][:3] == ("readers:*", "failed", "compute-failed")
    assert "no such table" in ended[0][3]
    assert ended[1][:2] == ("figure:figure", "stored")
