"""A lookup that several rows answer is never kept: what a reader is told must not depend on whether it was warmed."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, Permission, User
from django.core.checks import run_checks
from django.db import models
from django.db.models import Count
from django.db.models.functions import Lower

from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import CachedRows, streaming
from django_hooks.warmers.uniqueness import claimed_by_several, is_unique
from example.accounts.models import Profile, Subscription
from example.orders.models import PostalArea


@pytest.fixture(autouse=True)
def _own(own_registry):
    """What a test declares is gone after it."""


@pytest.fixture
def people(backend):
    names = {"ada": "Byron", "bea": "Stone", "cai": "Byron", "dan": ""}
    return [User.objects.create(username=name, last_name=last) for name, last in names.items()]


def run(registry, **options):
    return [(str(o.result), o.reason, o.detail) for o in Engine(RunOptions(**options)).run(registry)]


@pytest.mark.parametrize("backend", ["db", "redis"], indirect=True)
@pytest.mark.parametrize("chunk", [2_000, 1])
def test_what_two_rows_claim_is_told_and_not_stored(people, own_registry, monkeypatch, chunk):
    monkeypatch.setattr(streaming, "CHUNK", chunk)
    rows = CachedRows("people", User, lookups=["last_name", "username"], timeout=60)
    ended = run(own_registry)
    assert [row[:2] for row in ended].count(("stored", "")) == 10
    assert [row for row in ended if row[0] != "stored"] == [
        ("failed", "bad-entry", "the lookup by last_name is not unique: several rows have these values")
    ] * 2
    for get in (rows.get, async_to_sync(rows.aget)):
        assert get(last_name="Stone") == people[1]
        with pytest.raises(User.MultipleObjectsReturned):
            get(last_name="Byron")
    assert [row[1] for row in run(own_registry, refresh=True)].count("bad-entry") == 2


def test_a_row_that_is_not_warmed_claims_too(people, own_registry):
    CachedRows("people", User, lookups=["last_name"], timeout=60, warm=lambda rows: rows.order_by("pk")[:1])
    assert [row[1] for row in run(own_registry)] == ["", "bad-entry"]


def test_only_rows_that_can_be_asked_for_claim(people, own_registry):
    CachedRows("people", User.objects.exclude(username="cai"), lookups=["last_name"], timeout=60)
    assert {row[0] for row in run(own_registry)} == {"stored"}


def test_a_lookup_of_two_fields_is_claimed_by_both_together(people, own_registry):
    CachedRows("people", User, lookups=[["last_name", "is_staff"]], timeout=60)
    assert [row[1] for row in run(own_registry)].count("bad-entry") == 2
    User.objects.filter(username="cai").update(is_staff=True)
    assert [row[1] for row in run(own_registry)].count("bad-entry") == 0


def test_null_is_claimed_by_nobody(people):
    assert claimed_by_several(User.objects.all(), [User._meta.get_field("last_login")]) == []


def test_a_row_that_a_join_gives_twice_is_one(people):
    groups = [Group.objects.create(name=name) for name in "ab"]
    people[1].groups.set(groups)
    people[0].groups.set(groups)
    people[2].groups.set(groups)
    last_name = [User._meta.get_field("last_name")]
    joined = User.objects.filter(groups__in=groups)
    assert claimed_by_several(joined.distinct(), last_name) == [("Byron",)]
    assert claimed_by_several(joined, last_name) == [("Byron",)]
    assert claimed_by_several(User.objects.annotate(n=Count("groups")), last_name) == [("Byron",)]
    assert claimed_by_several(User.objects.none(), last_name) == []


class Constrained(models.Model):
    a = models.IntegerField()
    b = models.IntegerField()
    c = models.IntegerField()
    d = models.IntegerField()
    e = models.IntegerField(unique=True)

    class Meta:
        app_label = "tests"
        managed = False
        unique_together = (("a", "b"),)
        constraints = (
            models.UniqueConstraint(fields=["c"], name="c"),
            models.UniqueConstraint(fields=["d"], condition=models.Q(a=1), name="d"),
            models.UniqueConstraint(Lower("d"), name="lower_d"),
        )

    def __str__(self):
        return str(self.pk)


@pytest.mark.parametrize(
    ("model", "names", "expected"),
    [
        (Constrained, "id", True),
        (Constrained, "e", True),
        (Constrained, "c", True),
        (Constrained, "a b", True),
        (Constrained, "a b d", True),
        (Constrained, "a", False),
        (Constrained, "d", False),
        (Permission, "content_type codename", True),
        (Permission, "codename", False),
        (Profile, "user", True),
        (PostalArea, "country code", True),
    ],
)
def test_the_models_own_constraints_are_known(model, names, expected):
    assert is_unique(model, [model._meta.get_field(name) for name in names.split()]) is expected


def test_unique_lookups_cost_no_query(backend, own_registry, django_assert_num_queries):
    CachedRows("readers", Subscription, lookups=["email", ["token", "is_active"]])
    (warmer,) = own_registry
    with django_assert_num_queries(1):
        assert list(warmer.entries()) == []


def test_a_declared_lookup_that_no_constraint_makes_unique_is_a_warning(settings):
    settings.CACHE_WARMING = {"ROWS": [{"model": "auth.User", "lookups": ["username", "last_name"]}]}
    (found,) = [message for message in run_checks(tags=["caches"]) if message.id == "cache_warming.W008"]
    assert found.msg == (
        "CACHE_WARMING['ROWS'] auth.user: no constraint of User keeps two rows from having the same last_name."
    )
    assert "UniqueConstraint" in found.hint


def test_a_primary_key_and_a_lookup_are_not_asked_together(people):
    rows = CachedRows("people", User, lookups=["username"])
    for get in (rows.get, async_to_sync(rows.aget)):
        with pytest.raises(TypeError, match="not by both: 3 and username"):
            get(3, username="bea")
