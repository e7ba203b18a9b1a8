"""Figures about products that several pages show: dear to compute, kept in the low-level cache under readable keys.

Every value is made of ids and numbers, never of text, so one entry serves both languages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypedDict, TypeVar, cast

from django.core.cache import cache
from django.db.models import Avg, Count, Max, Q, Sum

from example.catalogue.models import Category, Product, Review
from example.orders.models import Order, OrderLine

REVIEW_SUMMARY_TIMEOUT = 60 * 60
RELATED_TIMEOUT = 60 * 60
BESTSELLERS_TIMEOUT = 30 * 60
LAST_ORDER_TIMEOUT = 30 * 60

BESTSELLER_WINDOW = timedelta(days=90)

T = TypeVar("T")


class ReviewSummary(TypedDict):
    """How a product is rated: the average, the number of reviews, and how many gave each number of stars."""

    average: float
    count: int
    stars: dict[int, int]


def review_summary(product: Product) -> ReviewSummary:
    """Return the ratings of ``product``."""

    def compute() -> ReviewSummary:
        published = Review.objects.filter(product=product, is_published=True)
        totals = published.aggregate(average=Avg("stars"), count=Count("pk"))
        spread = dict(published.order_by().values_list("stars").annotate(Count("pk")))
        return {
            "average": round(totals["average"] or 0.0, 1),
            "count": totals["count"],
            "stars": {stars: spread.get(stars, 0) for stars in range(5, 0, -1)},
        }

    return _read(f"catalogue:review_summary:{product.pk}", compute, REVIEW_SUMMARY_TIMEOUT)


def related_products(product: Product, limit: int = 6) -> list[Product]:
    """Return what was most often bought together with ``product``."""

    def compute() -> list[int]:
        same_orders = Order.objects.filter(lines__product=product).values("pk")
        together = OrderLine.objects.filter(order__in=same_orders, product__is_active=True).exclude(product=product)
        counted = together.values("product").annotate(times=Count("pk")).order_by("-times", "product")
        return [row["product"] for row in counted[:limit]]

    return in_order(_read(f"catalogue:related:{product.pk}", compute, RELATED_TIMEOUT))


def bestsellers(category: Category | None = None, limit: int = 8) -> list[Product]:
    """Return what sold best in the last three months, in ``category`` or in the whole shop."""

    def compute() -> list[int]:
        lines = OrderLine.objects.filter(
            order__placed_at__gte=last_order_at() - BESTSELLER_WINDOW,
            product__is_active=True,
        )
        if category is not None:
            below = Q(product__category=category) | Q(product__category__path__startswith=f"{category.path}/")
            lines = lines.filter(below)
        counted = lines.values("product").annotate(sold=Sum("quantity")).order_by("-sold", "product")
        return [row["product"] for row in counted[:limit]]

    return in_order(_read(f"catalogue:bestsellers:{category.pk if category else 'all'}", compute, BESTSELLERS_TIMEOUT))


def last_order_at() -> datetime:
    """Return when the last order came in: "today" of a shop whose data stand still."""

    def compute() -> datetime:
        newest: datetime | None = Order.objects.aggregate(newest=Max("placed_at"))["newest"]
        return newest or datetime.fromisoformat("2026-06-30T00:00:00+00:00")

    return _read("catalogue:last_order_at", compute, LAST_ORDER_TIMEOUT)


def in_order(ids: Iterable[int]) -> list[Product]:
    """Return the products of ``ids``, in that order."""
    wanted = list(ids)
    found = Product.objects.on_sale().select_related("brand").in_bulk(wanted)
    return [found[pk] for pk in wanted if pk in found]


def _read(key: str, compute: Callable[[], T], timeout: int) -> T:
    # get_or_set calls a callable default only on a miss.
    return cast("T", cache.get_or_set(key, compute, timeout))
