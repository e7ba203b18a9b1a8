"""Which price list a visitor has. Asked on every personal page, so kept in the cache, per user and not per session."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.cache import cache

from example.accounts.models import PriceList

PUBLIC = "public"
PRICE_GROUP_TIMEOUT = 30 * 60
DISCOUNTS_TIMEOUT = 60 * 60


def price_group(user: AbstractBaseUser | AnonymousUser) -> str:
    """Return the name of the group whose prices ``user`` pays, or ``public``."""
    if not user.is_authenticated:
        return PUBLIC

    def compute() -> str:
        best = PriceList.objects.filter(group__user=user.pk).select_related("group").order_by("-discount_percent")
        found = best.first()
        return found.group.name if found else PUBLIC

    return cast("str", cache.get_or_set(f"accounts:price_group:{user.pk}", compute, PRICE_GROUP_TIMEOUT))


def discount_percent(group: str) -> int:
    """Return the discount of ``group`` on the list price."""
    return _discounts().get(group, 0)


def _discounts() -> dict[str, int]:
    def compute() -> dict[str, int]:
        return dict(PriceList.objects.values_list("group__name", "discount_percent"))

    return cast("dict[str, int]", cache.get_or_set("accounts:discounts", compute, DISCOUNTS_TIMEOUT))
