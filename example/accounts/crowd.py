"""Rows by the hundred thousand, for measuring: users, their groups and profiles, where they live, their sessions."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from importlib import import_module
from itertools import cycle, islice
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, Permission, User
from django.db import models
from django.utils import timezone

from example.accounts.models import Profile
from example.accounts.rows import SHOP_SETTINGS_PK
from example.content.models import ShopSettings
from example.orders.models import PostalArea

COUNTRIES = ("DE", "AT", "CH", "NL", "FR")
BATCH = 5_000
GRANTS_OF_A_GROUP = 10


def create_reference_data(areas: int = 100) -> int:
    """Create the shop's settings, and postal areas up to so many; return how many rows came."""
    ShopSettings.objects.get_or_create(
        pk=SHOP_SETTINGS_PK,
        defaults={
            "notice": "Free delivery from 50 €.",
            "notice_de": "Versand frei ab 50 €.",
            "free_delivery_cents": 5_000,
        },
    )
    there = PostalArea.objects.count()
    return _bulk(PostalArea, (_postal_area(number) for number in range(there, areas)))


def create_profiles(users: Iterable[User]) -> int:
    """Create the profile of each user, in an area that is there from the first hundred on."""
    return _bulk(Profile, (_profile(number, user) for number, user in enumerate(users)))


def create_users(count: int) -> int:
    """Create so many more users, whom nobody can sign in as with a password."""
    first = User.objects.count()
    password = UNUSABLE_PASSWORD_PREFIX + "crowd"
    return _bulk(User, (User(username=f"crowd{n:07}", password=password) for n in range(first, first + count)))


def create_grants(count: int) -> int:
    """Create groups with ten permissions each until there are so many grants, and put each of the crowd into one."""
    names = [f"crowd{n:05}" for n in range(count // GRANTS_OF_A_GROUP)]
    groups = Group.objects.bulk_create([Group(name=name) for name in names], batch_size=BATCH)
    granted = Group.permissions.through
    pks = cycle(Permission.objects.order_by("pk").values_list("pk", flat=True))
    grants = _bulk(
        granted,
        (granted(group_id=g.pk, permission_id=next(pks)) for g in groups for _ in range(GRANTS_OF_A_GROUP)),
    )
    if groups:
        membership = User.groups.through
        crowd = User.objects.filter(username__startswith="crowd").order_by("pk").values_list("pk", flat=True)
        _bulk(membership, (membership(user_id=pk, group_id=groups[n % len(groups)].pk) for n, pk in enumerate(crowd)))
    return grants


def create_sessions(count: int) -> list[str]:
    """Sign so many of the crowd in, the last ones last; return the keys of their sessions."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    users = User.objects.filter(username__startswith="crowd").order_by("pk")[:count]
    keys = []

    def sessions() -> Iterator[models.Model]:
        now = timezone.now()
        for number, user in enumerate(users.iterator(chunk_size=BATCH)):
            keys.append(secrets.token_hex(16))
            age = timedelta(seconds=settings.SESSION_COOKIE_AGE - (count - number))
            yield store.model(
                session_key=keys[-1], session_data=store.encode(_signed_in(user, hashes)), expire_date=now + age
            )

    hashes: dict[str, str] = {}
    _bulk(store.model, sessions())
    return keys


def _signed_in(user: User, hashes: dict[str, str]) -> dict[str, str]:
    # The hash is one of the password alone, and dear enough to be made once.
    if user.password not in hashes:
        hashes[user.password] = user.get_session_auth_hash()
    return {
        auth.SESSION_KEY: str(user.pk),
        auth.BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
        auth.HASH_SESSION_KEY: hashes[user.password],
    }


def _profile(number: int, user: User) -> Profile:
    country, code = _area(number % 100)
    name = user.first_name or user.username
    return Profile(user_id=user.pk, display_name=name, country=country, postal_code=code)


def _postal_area(number: int) -> PostalArea:
    country, code = _area(number)
    return PostalArea(country=country, code=code, days=1 + number % 5)


def _area(number: int) -> Sequence[str]:
    return COUNTRIES[number % len(COUNTRIES)], f"{10_000 + number // len(COUNTRIES)}"


def _bulk(model: type[Any], rows: Iterable[models.Model]) -> int:
    iterator, count = iter(rows), 0
    while batch := list(islice(iterator, BATCH)):
        count += len(model.objects.bulk_create(batch, batch_size=BATCH))
    return count
