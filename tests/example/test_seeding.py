"""The data: the same each time, written once, and large enough to be worth caching."""

from __future__ import annotations

import hashlib
import io

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from example.accounts.models import Subscription
from example.catalogue import vocabulary
from example.catalogue.models import Category, Product, Review
from example.catalogue.seeding import Seeding
from example.orders.models import Order, OrderLine
from tests.example.conftest import SMALL


def seed(**options):
    out = io.StringIO()
    call_command("seed_example", **options, stdout=out)
    return out.getvalue()


def fingerprint():
    """A digest of what visitors see; primary keys are left out, for they go on counting after a delete."""
    rows = [
        Category.objects.order_by("path").values_list("path", "name", "name_de"),
        Product.objects.order_by("slug").values_list("slug", "brand__slug", "price_cents", "stock", "is_active"),
        Review.objects.order_by("pk").values_list("product__slug", "author__username", "stars", "body", "written_at"),
        Order.objects.order_by("pk").values_list("customer__username", "placed_at", "country"),
        OrderLine.objects.order_by("pk").values_list("product__slug", "quantity", "unit_price_cents"),
        User.objects.order_by("username").values_list("username", "groups__name", "password"),
        Subscription.objects.order_by("email").values_list("email", "token"),
    ]
    return hashlib.sha256(repr([list(part) for part in rows]).encode()).hexdigest()


def test_a_second_run_does_nothing_and_says_so():
    before = fingerprint()

    assert seed(**SMALL) == "The shop is seeded already: nothing done.\n"

    assert fingerprint() == before


def empty_the_shop():
    for model in (Order, Review, Product, Category, User, Subscription):
        model.objects.all().delete()
    for name in ("catalogue.Brand", "auth.Group", "content.Article"):
        from django.apps import apps

        apps.get_model(name).objects.all().delete()


@pytest.mark.parametrize(("seed_number", "same"), [(Seeding.seed, True), (8, False)])
def test_the_seed_decides_the_data(seed_number, same):
    before = fingerprint()
    empty_the_shop()

    seed(seed=seed_number, **SMALL)

    assert (fingerprint() == before) is same


def test_it_says_what_it_wrote():
    empty_the_shop()

    said = seed(products=48, orders=100, reviews=10)

    assert said.startswith("Seeded 78 categories, 48 products, 53 users, 10 reviews, 100 orders,")


def test_defaults_are_large_enough_to_be_worth_caching():
    leaves = sum(len(group[3]) for department in vocabulary.TREE for group in department[3])
    assert leaves == 48
    assert Seeding().products >= 400
    # Orders have 2.8 lines on average; the small shop has the same mix.
    assert Seeding().orders * OrderLine.objects.count() / Order.objects.count() >= 100_000


def test_people_are_as_documented():
    ordinary = User.objects.filter(username__startswith="persona-")
    assert {user.username: user.groups.get().name for user in ordinary} == {
        "persona-retail": "retail",
        "persona-trade": "trade",
        "persona-wholesale": "wholesale",
    }
    assert not ordinary.filter(is_staff=True).exists()
    assert User.objects.filter(is_staff=True, is_superuser=False).count() == 2
    assert User.objects.filter(is_superuser=True).count() == 1
    assert not User.objects.get(username="customer01").has_usable_password()


def test_setup_is_harmless_when_done():
    out = io.StringIO()

    call_command("setup_example", **SMALL, stdout=out)

    assert out.getvalue() == "The shop is seeded already: nothing done.\n"


def test_paths_are_printed_one_a_line():
    out = io.StringIO()

    call_command("example_urls", stdout=out)

    lines = out.getvalue().splitlines()
    assert {"/en/", "/de/", "/en/c/bedroom/", "/de/search/?q=linen"} <= set(lines)
