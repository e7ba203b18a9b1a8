"""Which price list a visitor has. Asked on every personal page, so kept in the cache, per user and not per session."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from django_hooks.warmers import cached
from example.accounts.models import PriceList

PUBLIC = "public"
PRICE_GROUP_TIMEOUT = 30 * 60
DISCOUNTS_TIMEOUT = 60 * 60


def price_group(user: AbstractBaseUser | AnonymousUser) -> str:
    """Return the name of the group whose prices ``user`` pays, or ``public``."""
    if not user.is_authenticated:
        return PUBLIC

    return _best_group(user.pk)


def discount_percent(group: str) -> int:
    """Return the discount of ``group`` on the list price."""
    return _discounts().get(group, 0)


@cached("accounts:price_group", timeout=PRICE_GROUP_TIMEOUT, key="accounts:price_group:{user_pk}")
def _best_group(user_pk: int) -> str:
    best = PriceList.objects.filter(group__user=user_pk).select_related("group").order_by("-discount_percent")
    found = best.first()
    return found.group.name if found else PUBLIC


@cached("accounts:discounts", timeout=DISCOUNTS_TIMEOUT)
def _discounts() -> dict[str, int]:
    return dict(PriceList.objects.values_list("group__name", "discount_percent"))
