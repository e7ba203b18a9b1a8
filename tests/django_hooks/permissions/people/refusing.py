"""Run by `test_people`, in a process with this project's settings."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import caches

from django_hooks.engine import Engine, RunOptions
from django_hooks.permissions.changes import invalidate_permissions
from django_hooks.warmers import CachedRows
from django_hooks.warmers.permissions import permission_warmers
from url_manifests.outcomes import Result

from .models import Clerk, Manager, Person

NAME = "auth.add_group"
KEY = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
SPELLINGS = [KEY.upper(), KEY.replace("-", ""), f"{{{KEY}}}", uuid.UUID(KEY)]


@pytest.fixture
def group(transactional_db, configure, settings):
    settings.CACHES = {"default": {**configure("django-redis"), "KEY_PREFIX": "people"}}
    caches["default"].clear()
    group = Group.objects.create(name="editors")
    group.permissions.add(Permission.objects.get(codename="add_group"))
    group.user_set.add(Person.objects.create(pk=uuid.UUID(KEY), username="a"))
    assert may()
    return group


def may():
    return Person.objects.get(pk=KEY).has_perm(NAME)


def is_cached(django_assert_num_queries):
    person = Person.objects.get(pk=KEY)
    with django_assert_num_queries(0):
        person.has_perm(NAME)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_member_who_is_named_by_any_spelling_of_the_key_is_taken_out_at_once(group, spelling):
    group.user_set.remove(spelling)
    assert not may()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_so_is_one_whose_object_was_made_with_that_spelling(group, spelling):
    Person(pk=spelling).groups.remove(group)
    assert not may()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_invalidation_takes_any_spelling(group, spelling):
    Person.groups.through.objects.all().delete()
    assert may()  # No signal: documented.
    invalidate_permissions([spelling])
    assert not may()


def test_changes_by_a_proxy_are_seen(group):
    Clerk.objects.get(pk=KEY).groups.clear()
    assert not may()


def test_a_proxy_and_its_model_share_an_entry(group, django_assert_num_queries):
    is_cached(django_assert_num_queries)
    clerk = Clerk.objects.get(pk=KEY)
    with django_assert_num_queries(0):
        assert clerk.has_perm(NAME)


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_superuser": True}])
def test_what_stands_in_the_row_is_never_kept(group, change):
    Person.objects.update(**change)
    person = Person.objects.get(pk=KEY)
    assert person.has_perm("auth.delete_group") is person.is_superuser
    Person.objects.update(is_superuser=False)
    assert not Person.objects.get(pk=KEY).has_perm("auth.delete_group")


def test_users_can_be_found_by_permission(group):
    assert [person.pk for person in Person.objects.with_perm(NAME)] == [uuid.UUID(KEY)]


def test_all_are_warmed(group, django_assert_num_queries):
    Person.objects.bulk_create(Person(username=f"u{number}") for number in range(50))
    Person.objects.update(last_login=None)
    caches["default"].clear()
    (warmer,) = permission_warmers()
    results = [outcome.result for outcome in Engine(RunOptions()).run([warmer])]
    assert results == [Result.STORED] * 52
    is_cached(django_assert_num_queries)


def test_what_a_cached_row_inherits_is_forgotten_when_its_parent_is_saved(group):
    managers = CachedRows("managers", Manager, timeout=60, is_registered=False)
    people = CachedRows("people", Person, timeout=60, is_registered=False)
    pk = Manager.objects.create(username="m", level=3).pk
    assert (managers.get(pk).username, people.get(pk).username) == ("m", "m")
    person = Person.objects.get(pk=pk)
    person.username = "n"
    person.save()
    assert (managers.get(pk).username, people.get(pk).username) == ("n", "n")
    manager = Manager.objects.get(pk=pk)
    manager.username = "o"
    manager.save()
    assert (managers.get(pk).username, people.get(pk).username) == ("o", "o")
    clerk = Clerk.objects.get(pk=pk)
    clerk.username = "p"
    clerk.save()
    assert people.get(pk).username == "p"
