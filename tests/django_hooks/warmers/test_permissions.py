"""What is warmed is what the backend reads: same keys, same answers, in a few queries."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache, caches
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_hooks.auth import CachedPermissionsBackend
from django_hooks.engine.options import RunOptions
from django_hooks.engine.run import Engine
from django_hooks.permissions import changes
from django_hooks.warmers.permissions import PermissionsNotStableError, PermissionsWarmer, permission_warmers
from django_hooks.warmers.registry import project_warmers
from tests.django_hooks.conftest import SHARED
from tests.django_hooks.permissions.conftest import PATH, fresh, permission, queries_of_permissions

VIEW, EXPORT = "dashboard.view_metrics", "dashboard.export_orders"


@pytest.fixture
def cached(settings, backend, transactional_db):
    settings.AUTHENTICATION_BACKENDS = [PATH]
    changes._writers.clear()
    changes._unreplaced.clear()
    return backend


@pytest.fixture
def people(cached):
    """Twelve users: by groups, by themselves, by both, by nothing; one superuser, one who is gone."""
    groups = [Group.objects.create(name=f"g{n}") for n in range(3)]
    groups[0].permissions.add(permission(VIEW))
    groups[1].permissions.add(permission(VIEW), permission(EXPORT))
    users = [User.objects.create(username=f"u{n}", is_staff=True) for n in range(12)]
    for number, user in enumerate(users):
        user.groups.set(groups[: number % 4])
        if number % 3 == 0:
            user.user_permissions.add(permission("auth.view_user"), permission(EXPORT))
    User.objects.filter(username="u10").update(is_superuser=True)
    User.objects.filter(username="u11").update(is_active=False)
    return users


def the_warmer():
    (warmer,) = permission_warmers()
    return warmer


def warm():
    """What a run does with the entries: store those that are computed."""
    warmer = the_warmer()
    entries = list(warmer.entries())
    for key, value in warmer.compute_many(entries).items():
        caches[warmer.alias].set(key, value, warmer.timeout)
    return entries


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_every_user_has_the_same_permissions_without_a_query(people):
    expected = {user.pk: (fresh(user).get_user_permissions(), fresh(user).get_group_permissions()) for user in people}
    cache.clear()
    warm()
    with queries_of_permissions() as asked:
        for user in people:
            found = fresh(user)
            assert (found.get_user_permissions(), found.get_group_permissions()) == expected[user.pk]
            assert found.get_all_permissions() == set.union(*expected[user.pk])
    assert asked == []


@pytest.mark.parametrize("backend", ["django-redis", "memcached"], indirect=True)
def test_a_request_to_a_page_that_needs_a_permission_asks_for_none(people):
    client = Client(headers={"host": "shop.example", "x-forwarded-proto": "https"})
    client.force_login(people[1], backend=PATH)
    cache.delete(CachedPermissionsBackend().keys(people[1]).entry)
    with queries_of_permissions() as cold:
        assert client.get("/en/dashboard/").status_code == 200
    warm()
    with queries_of_permissions() as asked:
        assert client.get("/en/dashboard/").status_code == 200
    assert (len(cold), asked) == (2, [])
    people[1].groups.clear()
    assert client.get("/en/dashboard/").status_code == 403


def test_who_signed_in_last_goes_first_and_nobody_twice(people):
    for number, user in enumerate(people[:3]):
        User.objects.filter(pk=user.pk).update(last_login=timezone.now() + timedelta(hours=number))
    entries = list(the_warmer().entries())
    assert [entry.source for entry in entries[1:4]] == [people[2].pk, people[1].pk, people[0].pk]
    keys = [entry.key for entry in entries]
    assert len(keys) == len(set(keys)) == 11  # all but the inactive one; the superuser's is the shared one


def test_listing_touches_no_cache(people, monkeypatch):
    for name in ("get", "set", "add", "get_many", "set_many"):
        monkeypatch.setattr(type(cache._connections["default"]), name, lambda *args, **kwargs: 1 / 0)
    assert len(list(the_warmer().entries())) == 11


def test_one_query_for_a_batch_and_two_for_what_all_batches_share(people):
    warmer = the_warmer()
    entries = [entry for entry in warmer.entries() if isinstance(entry.source, int)]

    def queries(part):
        with CaptureQueriesContext(connection) as context:
            warmer.compute_many(part)
        return len([query for query in context.captured_queries if '"auth_' in query["sql"]])

    assert [queries(entries[:5]), queries(entries[5:])] == [3, 1]
    changes.invalidate_permissions()
    assert [queries(entries), queries(entries)] == [3, 1]


def test_a_user_who_is_gone_is_left_out(people):
    warmer = the_warmer()
    entries = list(warmer.entries())
    gone = CachedPermissionsBackend().keys(people[0]).entry
    people[0].delete()
    assert set(warmer.compute_many(entries)) == {entry.key for entry in entries} - {gone}


def test_groups_that_change_between_two_batches(people):
    warmer = the_warmer()
    entries = list(warmer.entries())
    warmer.compute_many(entries[:3])
    Group.objects.get(name="g0").permissions.clear()
    key = CachedPermissionsBackend().keys(people[1]).entry
    assert warmer.compute_many(entries)[key]["group"] == []


def test_nothing_is_stored_while_a_change_is_under_way(people, cached):
    entries = list(the_warmer().entries())
    changes.before(changes.everybody("default"), "default")
    values = the_warmer().compute_many(entries)
    assert {type(value) for value in values.values()} == {PermissionsNotStableError}
    changes.after(changes.everybody("default"), "default")
    assert {type(value) for value in the_warmer().compute_many(entries).values()} == {dict}


def test_nothing_is_computed_from_an_old_snapshot(people):
    entries = list(the_warmer().entries())
    with transaction.atomic(), pytest.raises(PermissionsNotStableError):
        the_warmer().compute_many(entries)


def test_what_is_there_but_dead_is_told_apart(people):
    entries = {entry.source: entry for entry in warm()}
    warmer = the_warmer()
    assert warmer.outdated(list(entries.values())) == []
    first = entries[people[0].pk]
    people[0].user_permissions.clear()
    assert first.key in warmer.outdated(list(entries.values()))
    Group.objects.get(name="g0").permissions.clear()
    assert set(warmer.outdated(list(entries.values()))) == {entry.key for entry in entries.values()}


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_second_run_writes_what_died_and_nothing_else(people):
    def run():
        return Counter(str(outcome.result) for outcome in Engine(RunOptions()).run([the_warmer()]))

    assert run() == {"stored": 11}
    assert run() == {"already_warm": 11}
    cache.delete(CachedPermissionsBackend().keys(people[2]).entry)
    assert run() == {"already_warm": 10, "stored": 1}
    people[0].user_permissions.clear()
    assert run() == {"already_warm": 10, "stored": 1}
    Group.objects.get(name="g0").permissions.clear()
    assert run() == {"stored": 11}
    assert run() == {"already_warm": 11}


def test_what_was_dead_when_it_was_written_is_not_called_warm(people):
    warmer = the_warmer()
    entries = list(warmer.entries())
    values = warmer.compute_many(entries)
    assert list(warmer.changed_meanwhile(entries, values)) == []
    people[0].user_permissions.clear()
    assert CachedPermissionsBackend().keys(people[0]).entry in warmer.changed_meanwhile(entries, values)


class Generous(CachedPermissionsBackend):
    def _get_group_permissions(self, user_obj):
        return Permission.objects.filter(codename="view_metrics")


def test_a_backend_that_computes_otherwise_is_asked_itself(people, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Generous"]
    warm()
    with queries_of_permissions() as asked:
        assert fresh(people[0]).get_group_permissions() == {VIEW}
    assert asked == []


def test_it_is_there_only_with_the_backend(cached, settings):
    assert "permissions" in {warmer.name for warmer in project_warmers()}
    settings.CACHE_WARMING = {"PERMISSIONS_TIMEOUT_S": 77}
    assert [(w.alias, w.timeout, w.category) for w in permission_warmers()] == [("default", 77, "permissions")]
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert list(permission_warmers()) == []


def ran():
    return Counter((outcome.result.value, outcome.reason) for outcome in Engine(RunOptions()).run(permission_warmers()))


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_run_proves_what_it_wrote_and_a_second_writes_nothing(people):
    assert ran() == {("stored", ""): 11}
    with queries_of_permissions() as asked:
        assert ran() == {("already_warm", ""): 11}
        assert fresh(people[1]).has_perm(VIEW)
    assert asked == []


def test_where_all_are_under_current_tokens_no_entry_is_looked_at(people, monkeypatch):
    ran()
    looked_at = []
    own = PermissionsWarmer.outdated
    monkeypatch.setattr(PermissionsWarmer, "outdated", lambda self, e: looked_at.append(len(e)) or own(self, e))
    ran()
    assert looked_at == []
    people[0].user_permissions.clear()
    ran()
    assert looked_at


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_run_replaces_what_is_there_but_dead(people):
    ran()
    Group.objects.get(name="g0").permissions.clear()
    assert ran() == {("stored", ""): 11}
    with queries_of_permissions() as asked:
        assert not fresh(people[1]).has_perm(VIEW)
    assert asked == []


def test_a_run_during_a_change_says_so(people):
    changes.before(changes.everybody("default"), "default")
    assert ran() == {("failed", "compute-failed"): 11}


def test_a_hundred_thousand_users_would_take_few_queries(cached):
    """A tenth of them by the engine, in batches as it sizes them; what is asked of users, groups and permissions."""
    users = User.objects.bulk_create([User(username=f"u{n}") for n in range(10_000)])
    groups = Group.objects.bulk_create([Group(name=f"g{n}") for n in range(50)])
    links = User.groups.through
    links.objects.bulk_create([links(user=user, group=groups[user.pk % 50]) for user in users])
    with CaptureQueriesContext(connection) as context:
        assert ran() == {("stored", ""): 10_001}
    asked = [query["sql"] for query in context.captured_queries if '"auth_' in query["sql"]]
    assert 10 < len(asked) <= 30
