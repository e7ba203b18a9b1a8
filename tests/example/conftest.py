from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

SMALL = {"products": 144, "orders": 1_500, "reviews": 600}
"""Enough for two pages in a department and one product that is gone."""


@pytest.fixture(scope="package")
def shop(django_db_setup, django_db_blocker):
    """A small shop, gone again before other packages look at the database."""
    with django_db_blocker.unblock():
        call_command("seed_example", **SMALL, stdout=io.StringIO())
    yield
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(autouse=True)
def _cold_shop(shop, db):
    """Every test starts with empty caches, whichever backend EXAMPLE_CACHE names."""
    cache.clear()


@pytest.fixture
def visitor():
    return Client(headers={"host": "shop.example", "x-forwarded-proto": "https"})


@pytest.fixture
def sign_in():
    """Return a client with a real session of the user of this name; no password, for hashing takes its time."""

    def make(username):
        client = Client(headers={"host": "shop.example", "x-forwarded-proto": "https"})
        client.force_login(User.objects.get(username=username))
        return client

    return make
