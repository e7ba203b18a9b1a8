"""The figures on the staff dashboard: each a plain function over all order lines, and a row in ``METRICS``.

None of them is quick, which is why nobody computes them in a request if it can be helped: the views read them with
``cache.get_or_set``, and a warmer can compute them before the first visitor comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple, cast

from django.core.cache import cache
from django.db.models import Avg, Count, F, IntegerField, Max, Min, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce, ExtractHour, ExtractIsoWeekDay, TruncMonth

from example.catalogue.models import Product, Review
from example.orders.models import Order, OrderLine

Rows = list[dict[str, Any]]

HOURLY = 60 * 60
DAILY = 24 * 60 * 60

REVENUE = Sum(F("quantity") * F("unit_price_cents"))


class Metric(NamedTuple):
    """One figure: where it is kept, how it is computed and for how long it holds."""

    key: str
    function: Callable[[], Rows]
    timeout: int

    @property
    def name(self) -> str:
        """The name in the URL."""
        return self.key.removeprefix("dashboard:")

    @property
    def title(self) -> str:
        """The name as a heading."""
        return self.name.replace("_", " ").capitalize()


def revenue_by_month() -> Rows:
    """Sum up revenue, orders and pieces month by month."""
    months = OrderLine.objects.annotate(month=TruncMonth("order__placed_at")).values("month")
    figures = months.annotate(revenue_cents=REVENUE, orders=Count("order", distinct=True), pieces=Sum("quantity"))
    return [{**row, "month": f"{row['month']:%Y-%m}"} for row in figures.order_by("month")]


def revenue_by_category() -> Rows:
    """Sum up revenue by leaf of the category tree, best first."""
    leaves = OrderLine.objects.values(category=F("product__category__path"))
    return _rows(
        leaves.annotate(revenue_cents=REVENUE, orders=Count("order", distinct=True)).order_by("-revenue_cents")
    )


def revenue_by_price_group() -> Rows:
    """Sum up revenue by the group, and so the price list, of the customer."""
    groups = OrderLine.objects.values(group=F("order__customer__groups__name"))
    figures = groups.annotate(revenue_cents=REVENUE, customers=Count("order__customer", distinct=True))
    return _rows(figures.order_by("-revenue_cents"))


def basket_by_country() -> Rows:
    """Average what a basket holds and costs, country by country."""
    total = OrderLine.objects.filter(order=OuterRef("pk")).values("order").annotate(sum=REVENUE).values("sum")
    orders = Order.objects.annotate(total=Subquery(total, output_field=IntegerField())).values("country")
    figures = orders.annotate(orders=Count("pk"), average_cents=Avg("total"), largest_cents=Max("total"))
    return _rows(figures.order_by("-orders"))


def bought_together() -> Rows:
    """Count the pairs of products that share an order: the order lines joined with themselves."""
    pairs = OrderLine.objects.filter(order__lines__product__gt=F("product"))
    named = pairs.values(first=F("product__name"), second=F("order__lines__product__name"))
    counted = named.annotate(times=Count("pk"))
    return _rows(counted.order_by("-times", "first", "second")[:25])


def top_products() -> Rows:
    """Rank products by revenue."""
    products = OrderLine.objects.values(product_name=F("product__name"), brand=F("product__brand__name"))
    return _rows(products.annotate(revenue_cents=REVENUE, pieces=Sum("quantity")).order_by("-revenue_cents")[:30])


def orders_by_weekday_and_hour() -> Rows:
    """Count orders for each hour of the week, in the shop's time zone."""
    slots = Order.objects.annotate(weekday=ExtractIsoWeekDay("placed_at"), hour=ExtractHour("placed_at"))
    return _rows(slots.values("weekday", "hour").annotate(orders=Count("pk")).order_by("weekday", "hour"))


def stock_cover() -> Rows:
    """Say how many days the stock lasts at the pace of the last three months, shortest first."""
    newest = Order.objects.aggregate(newest=Max("placed_at"))["newest"]
    if newest is None:
        return []
    recent = OrderLine.objects.filter(product=OuterRef("pk"), order__placed_at__gte=newest - timedelta(days=90))
    pieces = recent.order_by().values("product").annotate(sum=Sum("quantity")).values("sum")
    stocked = Product.objects.on_sale().annotate(sold=Coalesce(Subquery(pieces), 0)).filter(sold__gt=0)
    rows = [
        {"product_name": name, "stock": stock, "sold_in_90_days": sold, "days_left": round(stock / sold * 90)}
        for name, stock, sold in stocked.values_list("name", "stock", "sold")
    ]
    return sorted(rows, key=lambda row: (row["days_left"], row["product_name"]))[:30]


def review_trend() -> Rows:
    """Average the ratings month by month."""
    months = Review.objects.order_by().annotate(month=TruncMonth("written_at")).values("month")
    figures = months.annotate(reviews=Count("pk"), average=Avg("stars")).order_by("month")
    return [{**row, "month": f"{row['month']:%Y-%m}", "average": round(row["average"], 2)} for row in figures]


def best_customers() -> Rows:
    """Rank customers by what they have ever spent, with the span of their loyalty."""
    customers = OrderLine.objects.values(customer=F("order__customer__username"))
    figures = customers.annotate(
        revenue_cents=REVENUE,
        orders=Count("order", distinct=True),
        first=Min("order__placed_at"),
        last=Max("order__placed_at"),
    )
    rows = figures.order_by("-revenue_cents")[:20]
    return [{**row, "first": f"{row['first']:%Y-%m-%d}", "last": f"{row['last']:%Y-%m-%d}"} for row in rows]


METRICS = (
    Metric("dashboard:revenue_by_month", revenue_by_month, HOURLY),
    Metric("dashboard:revenue_by_category", revenue_by_category, HOURLY),
    Metric("dashboard:revenue_by_price_group", revenue_by_price_group, HOURLY),
    Metric("dashboard:basket_by_country", basket_by_country, HOURLY),
    Metric("dashboard:top_products", top_products, HOURLY),
    Metric("dashboard:best_customers", best_customers, HOURLY),
    Metric("dashboard:stock_cover", stock_cover, HOURLY),
    Metric("dashboard:bought_together", bought_together, DAILY),
    Metric("dashboard:orders_by_weekday_and_hour", orders_by_weekday_and_hour, DAILY),
    Metric("dashboard:review_trend", review_trend, DAILY),
)


def read(metric: Metric) -> Rows:
    """Return the rows of ``metric`` from the cache, computing and storing them on a miss."""
    return cast("Rows", cache.get_or_set(metric.key, metric.function, metric.timeout))


def _rows(values: Iterable[Mapping[str, object]]) -> Rows:
    # Plain dicts: what is stored must not depend on classes that the next release may have moved.
    return [dict(row) for row in values]
