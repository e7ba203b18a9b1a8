"""The backend answers as Django's own, whatever the cache is or does, and asks the database once."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import authenticate
from django.contrib.auth.backends import ModelBackend, RemoteUserBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_hooks.auth import CachedPermissionsBackend
from django_hooks.permissions import failures, tokens
from tests.django_hooks.conftest import SHARED

from .conftest import fresh, may, permission, queries_of_permissions

VIEW, CHANGE, DELETE = "auth.view_user", "auth.change_group", "catalogue.delete_product"
METHODS = ("get_user_permissions", "get_group_permissions", "get_all_permissions")


@pytest.fixture
def group(cached):
    made = Group.objects.create(name="editors")
    made.permissions.add(permission(CHANGE))
    return made


@pytest.fixture
def user(group):
    made = User.objects.create(username="anna")
    made.user_permissions.add(permission(VIEW))
    made.groups.add(group)
    return made


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_the_second_request_asks_nothing_for_permissions(user):
    assert may(user, VIEW)
    with queries_of_permissions() as asked:
        again = fresh(user)
        assert (again.has_perm(VIEW), again.has_perm(CHANGE), again.has_perm(DELETE)) == (True, True, False)
        assert again.has_module_perms("auth")
    assert asked == []


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_async_answers_come_from_the_same_entry(user):
    async def ask():
        found = await User.objects.aget(pk=user.pk)
        first = await found.ahas_perm(VIEW), await found.ahas_perm(DELETE), await found.ahas_module_perms("auth")
        return (
            first,
            await found.aget_all_permissions(),
            await (await User.objects.aget(pk=user.pk)).aget_group_permissions(),
        )

    cold = async_to_sync(ask)()
    with queries_of_permissions() as asked:
        warm = async_to_sync(ask)()
    assert cold == warm == ((True, False, True), {VIEW, CHANGE}, {CHANGE})
    assert asked == []


def test_superusers_share_one_entry_and_lose_it_with_their_flag(cached):
    first = User.objects.create(username="root", is_superuser=True)
    second = User.objects.create(username="toor", is_superuser=True)
    assert len(fresh(first).get_all_permissions()) == Permission.objects.count()
    with queries_of_permissions() as asked:
        assert len(fresh(second).get_group_permissions()) == len(fresh(first).get_user_permissions())
    assert asked == []
    # Seen at once although update() sends no signal: the flag is the row's.
    User.objects.filter(pk=first.pk).update(is_superuser=False)
    assert fresh(first).get_all_permissions() == set()
    assert not may(first, VIEW)


def test_an_inactive_user_has_nothing(user):
    assert may(user, VIEW)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert fresh(user).get_all_permissions() == set()
    assert not may(user, VIEW)
    assert not async_to_sync(fresh(user).ahas_perm)(VIEW)


def test_what_django_does_for_strangers_and_objects(user):
    backend = CachedPermissionsBackend()
    assert backend.get_all_permissions(AnonymousUser()) == set()
    assert backend.get_user_permissions(user, obj=user) == set()
    assert backend.get_group_permissions(User(is_active=False)) == set()


def test_django_s_way_to_forget_what_is_on_the_object(user):
    assert user.has_perm(VIEW)
    user.user_permissions.clear()
    assert user.has_perm(VIEW)  # as documented by Django
    for name in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        delattr(user, name)
    assert not user.has_perm(VIEW)


def test_what_is_on_a_user_object_is_never_stored(user):
    """Another backend may have put it there long ago."""
    ModelBackend().get_user_permissions(user)
    fresh(user).user_permissions.clear()
    assert CachedPermissionsBackend().get_all_permissions(user) == {VIEW, CHANGE}  # this object keeps what it has
    assert not may(user, VIEW)


@pytest.mark.parametrize("found", [None, 1, "x", [], {}, {"tokens": 1}, {"user": [VIEW], "group": [VIEW]}])
def test_an_entry_that_is_none_is_not_believed(user, found):
    keys = CachedPermissionsBackend().keys(user)
    assert may(user, VIEW)
    cache.set(keys.entry, found)
    assert not may(user, DELETE)
    assert cache.get(keys.entry)["user"] == [VIEW]


@pytest.mark.parametrize("damage", [{"user": [1]}, {"user": None}, {"group": "auth.view_user"}, {"tokens": []}])
def test_a_damaged_entry_is_not_believed(user, damage):
    keys = CachedPermissionsBackend().keys(user)
    assert may(user, VIEW)
    entry = cache.get(keys.entry)
    cache.set(keys.entry, {**entry, **damage})
    assert fresh(user).get_all_permissions() == {VIEW, CHANGE}
    assert cache.get(keys.entry) == entry


@pytest.mark.parametrize("number", [0, 1])
def test_a_token_that_was_lost_revives_nothing(user, number):
    """Whether evicted, culled or flushed: it is made anew, and never again the one that it was."""
    keys = CachedPermissionsBackend().keys(user)
    assert may(user, VIEW)
    before = cache.get(keys.entry)
    Permission.user_set.through.objects.all().delete()  # which sends no signal
    cache.delete(keys.tokens[number])
    assert not may(user, VIEW)
    assert cache.get(keys.entry)["tokens"][number] != before["tokens"][number]
    cache.set(keys.entry, before)
    assert not may(user, VIEW)


@pytest.mark.parametrize(
    "state", [None, 1, "x", {}, {"token": 1, "marks": {}}, {"token": "x"}, {"token": "x", "marks": 1}]
)
def test_a_token_that_is_none_makes_nothing_believed(user, state):
    keys = CachedPermissionsBackend().keys(user)
    assert may(user, VIEW)
    cache.set(keys.tokens[0], state)
    entry = cache.get(keys.entry)
    cache.set(keys.entry, {**entry, "user": [DELETE]})
    assert not may(user, DELETE)


class Broken:
    def __init__(self, cache, *names):
        self._cache, self._names = cache, names

    def __getattr__(self, name):
        if name in self._names:
            raise OSError(f"{name} is down")
        return getattr(self._cache, name)


@pytest.mark.parametrize("names", [("get_many",), ("add",), ("set",), ("get_many", "add", "set", "get")])
def test_a_cache_that_fails_costs_queries_and_grants_nothing(user, monkeypatch, caplog, names):
    cache.clear()
    monkeypatch.setattr("django_hooks.auth.shared_cache", lambda: Broken(cache, *names))
    assert (may(user, VIEW), may(user, DELETE)) == (True, False)
    with queries_of_permissions() as asked:
        assert may(user, VIEW)
    assert len(asked) == 2
    assert all("is down" in message for message in caplog.messages)
    # As often as it was met, and said once.
    assert list(failures.counted) == [message.partition(" ")[0] for message in caplog.messages]
    assert min(failures.counted.values()) > 1


@pytest.mark.parametrize("backend", ["locmem", "dummy"], indirect=True)
def test_a_cache_of_one_process_is_not_used(user):
    assert may(user, VIEW)
    assert cache.get(CachedPermissionsBackend().keys(user).entry) is None
    with queries_of_permissions() as asked:
        assert may(user, VIEW)
    assert len(asked) == 2


def test_nothing_is_stored_under_an_old_snapshot(user):
    """SQLite reads from the snapshot of the transaction's first query: it may be older than the tokens."""
    with transaction.atomic():
        assert may(user, VIEW)
    assert cache.get(CachedPermissionsBackend().keys(user).entry) is None


class Nested(CachedPermissionsBackend):
    """Gives members of a group what its parents have, as projects do."""

    def _get_group_permissions(self, user_obj):
        return Permission.objects.filter(codename="delete_product")


class Remote(CachedPermissionsBackend, RemoteUserBackend):
    """How another of Django's backends gets cached permissions."""


def test_together_with_another_backend_of_django(user, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Remote"]
    found = authenticate(None, remote_user="anna")
    assert found.has_perm(VIEW)
    with queries_of_permissions() as asked:
        assert may(user, CHANGE)
    assert asked == []
    assert Remote.computes_as_django()
    assert not Nested.computes_as_django()


def test_two_backends_do_not_read_each_other_s_entries(user, settings):
    assert fresh(user).get_group_permissions() == {CHANGE}
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Nested"]
    assert fresh(user).get_group_permissions() == {DELETE}
    with queries_of_permissions() as asked:
        assert fresh(user).get_group_permissions() == {DELETE}
    assert asked == []


def test_keys_fit_memcached_whatever_the_primary_key(cached):
    from django_hooks.permissions.entries import keys_for

    for pk in ("a b", "ü", "x" * 300, 7, "line\nbreak"):
        keys = keys_for(CachedPermissionsBackend.path(), "auth.user", "default", pk)
        cache.validate_key(keys.entry)
        assert len(keys.entry) < 200
        assert keys.entry.isascii()
        assert not {" ", "\n"} & set(keys.entry)
    assert tokens.shard("default", 7) == tokens.shard("default", "7")
    everybody = tokens.everybody("default")
    assert tokens.shards("default", [7, None, "x"]) == [
        tokens.shard("default", 7),
        everybody,
        tokens.shard("default", "x"),
    ]


CODENAMES = ["view_user", "change_group", "add_user", "delete_permission"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["grant", "revoke", "join", "leave", "group_grant", "group_revoke", "active", "super", "drop", "set"]
        ),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
)


def change(step, users, groups, permissions):
    kind, who, what = step
    user, group, right = fresh(users[who]), groups[what % 2], permissions[what]
    if kind == "grant":
        user.user_permissions.add(right)
    elif kind == "revoke":
        right.user_set.remove(user)
    elif kind == "join":
        group.user_set.add(user)
    elif kind == "leave":
        user.groups.remove(group)
    elif kind == "group_grant":
        group.permissions.add(right)
    elif kind == "group_revoke":
        right.group_set.remove(group)
    elif kind == "active":
        User.objects.filter(pk=user.pk).update(is_active=not user.is_active)
    elif kind == "super":
        user.is_superuser = not user.is_superuser
        user.save()
    elif kind == "set":
        user.groups.set(groups[: what % 3])
    else:
        group.user_set.clear()


@pytest.mark.parametrize("backend", ["django-redis"], indirect=True)
@given(steps=STEPS)
@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_answers_as_django_s_backend(cached, steps):
    User.objects.all().delete()
    Group.objects.all().delete()
    users = [User.objects.create(username=f"u{n}", is_superuser=n == 2) for n in range(3)]
    groups = [Group.objects.create(name=f"g{n}") for n in range(2)]
    permissions = list(Permission.objects.filter(codename__in=CODENAMES).order_by("codename"))
    for step in steps:
        change(step, users, groups, permissions)
        for user in users:
            for method in METHODS:
                expected = getattr(ModelBackend(), method)(fresh(user))
                assert getattr(fresh(user), method)() == expected
                assert async_to_sync(getattr(fresh(user), f"a{method}"))() == expected
