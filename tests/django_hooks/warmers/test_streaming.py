"""A list that is read in pages is the list, whatever its order; and no cursor stays open between two pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import Count, F

from django_hooks.warmers import streaming
from django_hooks.warmers.streaming import streamed
from example.accounts.models import PriceList


@pytest.fixture(autouse=True)
def rows(db, monkeypatch):
    monkeypatch.setattr(streaming, "CHUNK", 3)
    users = [User(username=f"user{n}", first_name=f"name {n % 3}", last_name=f"{n % 2}") for n in range(11)]
    User.objects.bulk_create(users)
    for number in range(4):
        PriceList.objects.create(group=Group.objects.create(name=f"group {3 - number}"), discount_percent=number % 2)


ORDERS = [
    [],
    ["pk"],
    ["-pk"],
    ["first_name"],
    ["-first_name", "last_name"],
    ["last_name", "-first_name", "-username"],
    ["last_login", "-username"],
    [F("username").desc()],
]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize(("start", "end"), [(None, None), (None, 4), (0, 6), (2, None), (2, 9), (4, 4), (20, None)])
def test_pages_are_the_list(order, start, end):
    users = User.objects.order_by(*order, "pk")
    if order in ([], ["pk"], ["-pk"]):
        users = User.objects.order_by(*(order or ["pk"]))
    users = users[start:end]
    expected = list(users.values_list("pk", "username"))
    assert list(streamed(users, "username")) == expected


@pytest.mark.parametrize(
    "query",
    [
        PriceList.objects.order_by("group__name"),
        PriceList.objects.order_by("-group"),
        PriceList.objects.order_by("discount_percent").reverse(),
        PriceList.objects.select_related("group").prefetch_related("group__user_set").order_by("pk"),
        Group.objects.annotate(users=Count("user")).order_by("-users", "name"),
        Group.objects.filter(name__contains="group").distinct().order_by("name"),
        Group.objects.none(),
    ],
    ids=["another-table", "relation", "reversed", "joined", "annotated", "distinct", "none"],
)
def test_other_orders_are_kept_too(query):
    expected = list(query.prefetch_related(None).values_list("pk", flat=True))
    got = [pk for (pk,) in streamed(query)]
    assert sorted(got) == sorted(expected)
    if query.query.order_by != ("discount_percent",):  # Some rows are equal there.
        assert got == expected


def test_each_page_is_a_query_of_its_own(django_assert_num_queries):
    pages = streamed(User.objects.order_by("username"))
    with django_assert_num_queries(1):
        first = [next(pages) for _ in range(3)]
    with django_assert_num_queries(3):
        assert len(first + list(pages)) == 11


def test_what_is_deleted_and_added_meanwhile_disturbs_nobody():
    pages = streamed(User.objects.order_by("username"), "username")
    names = [next(pages)[1] for _ in range(3)]
    User.objects.filter(username__in=names).delete()
    User.objects.create(username="zoe")
    assert [name for _, name in pages] == [*(f"user{n}" for n in range(2, 10)), "zoe"]
