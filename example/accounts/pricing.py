"""Which price list a visitor has. Asked on every personal page, so kept in the cache, per user and not per session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from django_hooks.warmers import cached, streamed
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


def _customers() -> Iterator[int]:
    # Newest first, which is all that most of them can be told apart by.
    return (pk for (pk,) in streamed(User.objects.filter(is_active=True).order_by("-pk")))


def _best_groups(user_pks: Sequence[int]) -> dict[int, str]:
    lists = PriceList.objects.filter(group__user__in=user_pks).order_by("discount_percent")
    best = dict(lists.values_list("group__user", "group__name"))  # The last one of a user stands: the largest discount.
    return {pk: best.get(pk, PUBLIC) for pk in user_pks}


@cached(
    "accounts:price_group",
    timeout=PRICE_GROUP_TIMEOUT,
    key="accounts:price_group:{user_pk}",
    variants=_customers,
    many=_best_groups,
)
def _best_group(user_pk: int) -> str:
    best = PriceList.objects.filter(group__user=user_pk).select_related("group").order_by("-discount_percent")
    found = best.first()
    return found.group.name if found else PUBLIC


@cached("accounts:discounts", timeout=DISCOUNTS_TIMEOUT)
def _discounts() -> dict[str, int]:
    return dict(PriceList.objects.values_list("group__name", "discount_percent"))
