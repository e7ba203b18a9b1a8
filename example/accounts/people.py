"""The people of the seeded shop.

==================== ============================= ==========================================
username             groups                        what for
==================== ============================= ==========================================
``persona-retail``   retail (list price)           persona: an ordinary customer
``persona-trade``    trade (8 % off)               persona: a customer with trade prices
``persona-wholesale`` wholesale (15 % off)         persona: a customer with wholesale prices
``customer01`` … 47  one of the three              bought and reviewed; cannot sign in
``staff-analyst``    analysts                      staff; sees the dashboard, downloads orders
``staff-moderator``  moderators                    staff; moderates reviews, no dashboard
``admin``            none                          superuser
==================== ============================= ==========================================

Whoever can sign in does so with the password ``PASSWORD``.
"""

from __future__ import annotations

import random

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.contrib.auth.models import Group, Permission, User

from example.accounts.models import PriceList
from example.catalogue.vocabulary import FIRST_NAMES

PASSWORD = "linden-and-loom"  # noqa: S105 - printed in the docs of an example
SALT = "lindenAndLoomExampleSalt"
DISCOUNTS = {"retail": 0, "trade": 8, "wholesale": 15}
CUSTOMERS = 47
STAFF = {
    "analysts": ("staff-analyst", ("view_metrics", "export_orders")),
    "moderators": ("staff-moderator", ("change_review", "view_review")),
}


def create_people(rng: random.Random) -> list[User]:
    """Create groups, price lists, customers, personas and staff; return whoever may have bought something."""
    # One hash for all: hashing is slow by design, and the salt is fixed so that two seedings give the same rows.
    password = make_password(PASSWORD, salt=SALT)
    groups = _create_price_groups()
    customers = _create_customers(rng, groups, password)
    _create_staff(password)
    return customers


def _create_price_groups() -> list[Group]:
    groups = [Group.objects.create(name=name) for name in DISCOUNTS]
    PriceList.objects.bulk_create(
        [PriceList(group=group, discount_percent=DISCOUNTS[group.name]) for group in groups],
    )
    return groups


def _create_customers(rng: random.Random, groups: list[Group], password: str) -> list[User]:
    personas = [User(username=f"persona-{group.name}", first_name="Persona", password=password) for group in groups]
    others = [
        User(
            username=f"customer{number:02}",
            first_name=rng.choice(FIRST_NAMES),
            password=UNUSABLE_PASSWORD_PREFIX + "example",
        )
        for number in range(1, CUSTOMERS + 1)
    ]
    users = User.objects.bulk_create([*personas, *others])
    for user, group in zip(users, groups, strict=False):
        user.groups.add(group)
    for user in users[len(groups) :]:
        user.groups.add(rng.choices(groups, weights=(7, 2, 1))[0])
    return users


def _create_staff(password: str) -> None:
    for name, (username, codenames) in STAFF.items():
        group = Group.objects.create(name=name)
        group.permissions.set(Permission.objects.filter(codename__in=codenames))
        User.objects.create(username=username, is_staff=True, password=password).groups.add(group)
    User.objects.create(username="admin", is_staff=True, is_superuser=True, password=password)
