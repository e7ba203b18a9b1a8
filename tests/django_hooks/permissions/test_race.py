"""A revocation against those who computed before it and write after it: on PostgreSQL, with real shared caches."""

from __future__ import annotations

import queue
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from django_hooks import auth
from django_hooks.auth import CachedPermissionsBackend
from django_hooks.permissions import changes, tokens
from django_hooks.warmers.permissions import permission_warmers

from .conftest import fresh, may, permission, queries_of_permissions

VIEW = "auth.view_user"
ROUNDS = 1_000
CACHES = ["django-redis", "memcached", "db"]
every_cache = pytest.mark.parametrize("on_postgresql", CACHES, indirect=True)


@pytest.fixture
def group(on_postgresql):
    made = Group.objects.create(name="editors")
    made.permissions.add(permission(VIEW))
    return made


@pytest.fixture
def user(group):
    made = User.objects.create(username="anna")
    made.groups.add(group)
    return made


def close():
    """End what this thread has opened."""
    connections.close_all()
    cache.close()


def elsewhere(function: Callable, *args):
    """What another thread gets, on a database connection of its own."""

    def call():
        try:
            return function(*args)
        finally:
            close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(timeout=20)


def rolled_back(change, *args):
    with transaction.atomic():
        change(*args)
        transaction.set_rollback(True)


@contextmanager
def running(*works: Callable[[], object]):
    """Threads that do their work once for each call of what is given; their exceptions are the test's."""
    failures: list[BaseException] = []
    turns = [queue.SimpleQueue() for _ in works]

    def loop(work, turn):
        try:
            while turn.get():
                time.sleep(random.random() / 200)  # so that it begins anywhere in the round
                work()
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            failures.append(error)
        finally:
            close()

    threads = [threading.Thread(target=loop, args=pair) for pair in zip(works, turns, strict=True)]
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)  # all wait for servers most of the time; the more often they meet, the better
    for thread in threads:
        thread.start()
    try:
        yield lambda: [turn.put(True) for turn in turns]
    finally:
        sys.setswitchinterval(switch_s)
        for turn, thread in zip(turns, threads, strict=True):
            turn.put(False)
            thread.join(30)
    assert failures == []


def warmer_of(user):
    """A run that warms this user over and over, with time for a change between computing and writing."""
    (warmer,) = permission_warmers()
    entries = [entry for entry in warmer.entries() if entry.source == user.pk]

    def warm():
        values = warmer.compute_many(entries)
        time.sleep(random.random() / 500)
        cache.set_many({key: value for key, value in values.items() if isinstance(value, dict)}, warmer.timeout)

    return warm


def revoked(user: User, change: Callable[[], object]) -> list[bool]:
    """Change in a transaction; what a visitor may do right after its commit, before anything else runs, and later."""
    seen = []
    with transaction.atomic():
        transaction.on_commit(lambda: seen.append(may(user, VIEW)))
        change()
    return [*seen, may(user, VIEW)]


@pytest.mark.parametrize(
    ("on_postgresql", "rounds"), [("django-redis", ROUNDS), ("memcached", 100), ("db", 100)], indirect=["on_postgresql"]
)
def test_no_stale_grant_in_a_thousand_rounds(user, group, rounds):
    own, view = Group.objects.create(name="own"), permission(VIEW)
    ways = [
        (lambda: user.groups.remove(group), lambda: user.groups.add(group)),
        (group.permissions.clear, lambda: group.permissions.add(view)),
        (lambda: group.user_set.remove(user), lambda: group.user_set.set([user])),
        (lambda: user.groups.set([own]), lambda: user.groups.set([own, group])),
    ]
    with running(warmer_of(user), lambda: may(user, VIEW)) as go:
        for number in range(rounds):
            go()
            revoke, grant = ways[number % len(ways)]
            assert revoked(user, revoke) == [False, False]
            grant()
            assert number % 10 or may(user, VIEW)


def test_no_stale_grant_for_async_readers(user, group):
    async def ask():
        found = await User.objects.aget(pk=user.pk)
        return await found.ahas_perm(VIEW)

    with running(warmer_of(user), async_to_sync(ask)) as go:
        for _ in range(100):
            go()
            assert async_to_sync(ask)()
            user.groups.remove(group)
            assert not async_to_sync(ask)()
            user.groups.add(group)


@every_cache
def test_what_was_computed_before_and_is_written_after_is_dead(user, group, monkeypatch):
    computed, changed = threading.Event(), threading.Event()

    def late(*args):
        computed.set()
        assert changed.wait(10)
        store(*args)

    store = auth.store
    monkeypatch.setattr(auth, "store", late)
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(elsewhere, may, user, VIEW)
        assert computed.wait(10)
        user.groups.remove(group)
        changed.set()
        assert reader.result() is True  # it asked before
    monkeypatch.undo()
    assert cache.get(CachedPermissionsBackend().keys(user).entry)["group"] == [VIEW]  # it was written, and yet
    assert not may(user, VIEW)


@every_cache
def test_a_reader_within_the_change_leaves_nothing_behind(user, group):
    """After the change and before its commit others still see, and might store, the old state."""
    seen = []
    with transaction.atomic():
        transaction.on_commit(lambda: seen.append(elsewhere(may, user, VIEW)))
        user.groups.remove(group)
        assert elsewhere(may, user, VIEW)
        assert not may(user, VIEW)  # the transaction itself sees its own change
    assert seen == [False]
    assert not may(user, VIEW)


@every_cache
def test_a_writer_that_dies_right_after_its_commit(user, group, monkeypatch):
    monkeypatch.setattr(changes, "_release", lambda *args: None)
    with transaction.atomic():
        user.groups.remove(group)
        assert elsewhere(may, user, VIEW)
    assert not may(user, VIEW)
    assert not elsewhere(may, user, VIEW)


@every_cache
def test_a_rollback_takes_nothing_away(user, group, monkeypatch):
    assert may(user, VIEW)
    rolled_back(user.groups.remove, group)
    assert may(user, VIEW)
    assert elsewhere(may, user, VIEW)


def test_after_a_rollback_the_mark_ends_by_itself(user, group, monkeypatch):
    monkeypatch.setattr(tokens, "HOLD_S", 0.3)
    rolled_back(user.groups.remove, group)
    with queries_of_permissions() as asked:
        assert may(user, VIEW)
        assert may(user, VIEW)
    assert len(asked) == 4
    time.sleep(0.4)
    may(user, VIEW)
    with queries_of_permissions() as asked:
        assert may(user, VIEW)
    assert asked == []


@every_cache
def test_transactions_that_overlap_do_not_lift_each_other_s_marks(user, group, on_postgresql):
    """One is committed while the other is under way; a reader in between must store nothing under its token."""
    other = Group.objects.create(name="other")
    changed, first_done = threading.Event(), threading.Event()

    def second():
        with transaction.atomic():
            transaction.on_commit(lambda: seen.append(elsewhere(may, user, VIEW)))
            group.permissions.clear()
            changed.set()
            assert first_done.wait(20)

    seen: list[bool] = []
    with ThreadPoolExecutor(1) as pool:
        running_second = pool.submit(elsewhere, second)
        assert changed.wait(20)
        if on_postgresql != "db":  # whose token is a row, for which the second change would wait
            other.permissions.add(permission("auth.add_user"))
        assert may(user, VIEW)
        first_done.set()
        running_second.result()
    assert seen == [False]


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_snapshot_is_not_stored_under_a_new_token(user, group, isolation):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        loaded = fresh(user)  # which takes the snapshot
        elsewhere(user.groups.remove, group)
        assert loaded.has_perm(VIEW)  # as Django's backend would say within this transaction
    assert not may(user, VIEW)


def test_a_request_in_a_transaction_stores(user):
    with transaction.atomic():
        assert may(user, VIEW)
    with queries_of_permissions() as asked:
        assert may(user, VIEW)
    assert asked == []


class ReadsReplica:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, *args, **hints):
        return True


def test_permissions_are_never_queried_from_a_replica(user, group, settings):
    """It may lag behind the token that the entry would be stored under."""
    connections.settings["replica"] = {**connections.settings["default"]}
    settings.DATABASE_ROUTERS = [ReadsReplica()]
    try:
        with CaptureQueriesContext(connections["replica"]) as on_replica, queries_of_permissions() as asked:
            assert may(user, VIEW)
        assert len(asked) == 2
        assert [q for q in on_replica.captured_queries if "auth_permission" in q["sql"]] == []
        group.permissions.clear()
        assert not may(user, VIEW)
    finally:
        connections["replica"].close()
        del connections["replica"]
        del connections.settings["replica"]


def test_two_databases_have_tokens_of_their_own(user, group):
    keys = CachedPermissionsBackend().keys(user)
    other = User(pk=user.pk)
    other._state.db = "elsewhere"
    assert set(CachedPermissionsBackend().keys(other).tokens).isdisjoint(keys.tokens)
    assert CachedPermissionsBackend().keys(other).entry != keys.entry


def test_many_writers_leave_no_mark_behind(on_postgresql):
    """Marks are read, changed and written: the lock must let no writer overwrite another's."""
    key = tokens.everybody("default")

    def work(writer):
        for _ in range(25):
            tokens.hold(cache, key, writer)
            assert writer in cache.get(key)["marks"]
            tokens.release(cache, key, writer)
        close()

    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(0.00001)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, "abcd"))
    finally:
        sys.setswitchinterval(switch_s)
    assert cache.get(key)["marks"] == {}
