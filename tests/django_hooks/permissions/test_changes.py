"""Every way to change what somebody may do is seen by the very next request."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import transaction

from django_hooks.auth import CachedPermissionsBackend
from django_hooks.permissions import changes, signals, tokens
from tests.django_hooks.conftest import SHARED

from .conftest import fresh, may, permission, queries_of_permissions
from .test_backend import Broken

OWN, VIEW = "catalogue.change_review", "auth.view_user"


class Role(Group):
    """A proxy, as projects have them for the admin: it sends signals of its own."""

    class Meta:
        proxy = True
        app_label = "accounts"


@pytest.fixture
def anna(cached):
    """May do one thing by herself and one by her group, and both are in the cache."""
    user = User.objects.create(username="anna")
    user.user_permissions.add(permission(OWN))
    group = Group.objects.create(name="editors")
    group.permissions.add(permission(VIEW))
    group.user_set.add(user)
    assert fresh(user).get_all_permissions() == {OWN, VIEW}
    with queries_of_permissions() as asked:
        assert may(user, OWN)
    assert asked == []
    return user


def editors():
    return Group.objects.get(name="editors")


CHANGES = {
    "user.user_permissions.remove": (OWN, lambda user: user.user_permissions.remove(permission(OWN))),
    "user.user_permissions.clear": (OWN, lambda user: user.user_permissions.clear()),
    "user.user_permissions.set": (OWN, lambda user: user.user_permissions.set([permission(VIEW)])),
    "permission.user_set.remove": (OWN, lambda user: permission(OWN).user_set.remove(user.pk)),
    "permission.user_set.clear": (OWN, lambda user: permission(OWN).user_set.clear()),
    "user.groups.remove": (VIEW, lambda user: user.groups.remove(editors())),
    "user.groups.clear": (VIEW, lambda user: user.groups.clear()),
    "group.user_set.remove": (VIEW, lambda user: editors().user_set.remove(user.pk)),
    "group.user_set.set": (VIEW, lambda user: editors().user_set.set([])),
    "group.user_set.clear": (VIEW, lambda user: editors().user_set.clear()),
    "group.permissions.remove": (VIEW, lambda user: editors().permissions.remove(permission(VIEW))),
    "group.permissions.set": (VIEW, lambda user: editors().permissions.set([permission(OWN)])),
    "group.permissions.clear": (VIEW, lambda user: editors().permissions.clear()),
    "permission.group_set.clear": (VIEW, lambda user: permission(VIEW).group_set.clear()),
    "permission.group_set.remove": (VIEW, lambda user: permission(VIEW).group_set.remove(editors())),
    "group.delete": (VIEW, lambda user: editors().delete()),
    "groups.delete": (VIEW, lambda user: Group.objects.all().delete()),
    "role.delete": (VIEW, lambda user: Role.objects.get(name="editors").delete()),
    "user.is_active": (OWN, lambda user: setattr(user, "is_active", False) or user.save()),
    "users.update": (OWN, lambda user: User.objects.update(is_active=False)),
}
"""What is done → the permission that goes with it."""


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_taken_away_is_refused_at_once(anna, change):
    name, change = CHANGES[change]
    change(anna)
    assert not may(anna, name)
    assert name not in fresh(anna).get_all_permissions()


@pytest.mark.parametrize("backend", SHARED, indirect=True)
@pytest.mark.parametrize("change", ["user.groups.remove", "group.permissions.remove"])
def test_on_every_backend_and_stored_again_afterwards(anna, backend, change):
    name, change = CHANGES[change]
    change(anna)
    assert not may(anna, name)
    with queries_of_permissions() as asked:
        assert not may(anna, name)
    assert asked == []


def test_what_was_given_is_there_at_once(anna):
    anna.user_permissions.add(permission("auth.add_group"))
    assert may(anna, "auth.add_group")
    editors().permissions.add(permission("auth.delete_group"))
    assert may(anna, "auth.delete_group")


def test_permissions_and_their_types_that_change_or_go(anna):
    kind = ContentType.objects.create(app_label="shop", model="voucher")
    right = Permission.objects.create(content_type=kind, codename="give", name="give")
    anna.user_permissions.add(right)
    assert may(anna, "shop.give")
    right.codename = "offer"
    right.save()
    assert (may(anna, "shop.give"), may(anna, "shop.offer")) == (False, True)
    kind.app_label = "store"
    kind.save()
    assert (may(anna, "shop.offer"), may(anna, "store.offer")) == (False, True)
    kind.delete()
    assert not may(anna, "store.offer")


def test_a_user_who_gets_the_key_of_one_that_is_gone(anna):
    pk = anna.pk
    anna.delete()
    again = User.objects.create(pk=pk, username="berta")
    assert fresh(again).get_all_permissions() == set()


def test_a_migration_makes_permissions_without_signals(cached):
    admin = User.objects.create(username="root", is_superuser=True)
    before = fresh(admin).get_all_permissions()
    kind = ContentType.objects.get_for_model(User)
    Permission.objects.bulk_create([Permission(content_type=kind, codename="thank", name="thank")])
    try:
        assert fresh(admin).get_all_permissions() == before
        call_command("migrate", verbosity=0)
        assert fresh(admin).get_all_permissions() == before | {"auth.thank"}
    finally:
        Permission.objects.filter(codename="thank").delete()


def test_a_user_s_change_leaves_others_alone(anna):
    other = next(
        user
        for user in (User.objects.create(username=f"u{n}") for n in range(20))
        if tokens.shard("default", user.pk) != tokens.shard("default", anna.pk)
    )
    may(other, OWN)
    anna.user_permissions.clear()
    with queries_of_permissions() as asked:
        may(other, OWN)
    assert asked == []


def test_signing_in_takes_nothing_back(anna):
    anna.last_login = None
    anna.save()
    with queries_of_permissions() as asked:
        assert may(anna, OWN)
    assert asked == []


def test_many_users_at_once_are_one_token(anna):
    users = User.objects.bulk_create([User(username=f"u{n}") for n in range(200)])
    assert len(changes.of_users("default", [user.pk for user in users])) == 1
    editors().user_set.add(*users)
    assert may(users[-1], VIEW)
    editors().user_set.remove(*users)
    assert not may(users[-1], VIEW)


@pytest.mark.parametrize("who", [None, "anna", "pk"])
def test_what_signals_cannot_see_can_be_said(anna, who):
    User.user_permissions.through.objects.all().delete()
    assert may(anna, OWN)  # which is why
    changes.invalidate_permissions({None: None, "anna": [anna], "pk": [anna.pk]}[who])
    assert not may(anna, OWN)


def test_said_before_the_change_in_its_transaction(anna):
    with transaction.atomic():
        changes.invalidate_permissions([anna])
        User.user_permissions.through.objects.all().delete()
    assert not may(anna, OWN)


@pytest.mark.parametrize(("arguments", "said"), [([], "everybody's"), (["--user", "{pk}"], "permissions of 1 users")])
def test_the_command_takes_back(anna, capsys, arguments, said):
    User.user_permissions.through.objects.all().delete()
    call_command("invalidate_permissions", *(text.format(pk=anna.pk) for text in arguments))
    assert said in capsys.readouterr().out
    assert not may(anna, OWN)


@pytest.fixture
def broken(anna, monkeypatch):
    """The cache takes nothing while a change is made, but has kept what it had."""
    down = Broken(cache, "get", "set", "add", "get_many")
    monkeypatch.setattr(changes, "shared_cache", lambda: down)
    return monkeypatch


def test_a_change_is_possible_while_the_cache_is_down_and_caught_up_later(anna, broken, caplog):
    anna.user_permissions.clear()
    assert "cache_warming.permissions_not_taken_back" in caplog.text
    broken.undo()
    assert cache.get(CachedPermissionsBackend().keys(anna).entry)["user"] == [OWN]
    assert not may(anna, OWN)
    assert not changes.is_behind()
    # Others see it too: the token is a fresh one.
    assert cache.get(CachedPermissionsBackend().keys(anna).tokens[1])["marks"]


def test_a_cache_that_stays_down_is_not_tried_by_each_request(anna, broken):
    anna.user_permissions.clear()
    tried = []
    broken.setattr(tokens, "hold", lambda cache, key, writer: tried.append(key) or 1 / 0)
    for _ in range(5):
        assert not may(anna, OWN)
    assert len(tried) == 1
    assert changes.is_behind()


def test_the_command_says_when_the_cache_took_nothing(broken):
    with pytest.raises(CommandError, match="did not take it") as caught:
        call_command("invalidate_permissions")
    assert caught.value.returncode == 2


def test_a_cache_that_hides_its_failures_is_found_out(anna, monkeypatch, caplog):
    """As a database cache does, or django-redis with IGNORE_EXCEPTIONS."""
    monkeypatch.setattr(type(cache._connections["default"]), "set", lambda *args, **kwargs: None)
    anna.user_permissions.clear()
    assert "right after it was written" in caplog.text
    assert not may(anna, OWN)


def test_nobody_listens_where_no_backend_needs_it(settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert signals.cached_backends() == []
