"""The figures on the staff dashboard: each a function over all order lines, and a row in ``METRICS``.

None of them is quick, which is why nobody computes them in a request if it can be helped: a call asks the cache first,
and ``warm_cache`` computes them before the first visitor comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Avg, Count, F, IntegerField, Max, Min, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce, ExtractHour, ExtractIsoWeekDay, TruncMonth

from django_hooks.warmers import Cached, cached
from example.catalogue.models import Product, Review
from example.orders.models import Order, OrderLine

Rows = list[dict[str, Any]]

HOURLY = 60 * 60
DAILY = 24 * 60 * 60

REVENUE = Sum(F("quantity") * F("unit_price_cents"))


@cached("dashboard:revenue_by_month", timeout=HOURLY, priority=10)
def revenue_by_month() -> Rows:
    """Sum up revenue, orders and pieces month by month."""
    months = OrderLine.objects.annotate(month=TruncMonth("order__placed_at")).values("month")
    figures = months.annotate(revenue_cents=REVENUE, orders=Count("order", distinct=True), pieces=Sum("quantity"))
    return [{**row, "month": f"{row['month']:%Y-%m}"} for row in figures.order_by("month")]


@cached("dashboard:revenue_by_category", timeout=HOURLY, priority=10)
def revenue_by_category() -> Rows:
    """Sum up revenue by leaf of the category tree, best first."""
    leaves = OrderLine.objects.values(category=F("product__category__path"))
    return _rows(
        leaves.annotate(revenue_cents=REVENUE, orders=Count("order", distinct=True)).order_by("-revenue_cents")
    )


@cached("dashboard:revenue_by_price_group", timeout=HOURLY, priority=10)
def revenue_by_price_group() -> Rows:
    """Sum up revenue by the group, and so the price list, of the customer."""
    groups = OrderLine.objects.values(group=F("order__customer__groups__name"))
    figures = groups.annotate(revenue_cents=REVENUE, customers=Count("order__customer", distinct=True))
    return _rows(figures.order_by("-revenue_cents"))


@cached("dashboard:basket_by_country", timeout=HOURLY, priority=10)
def basket_by_country() -> Rows:
    """Average what a basket holds and costs, country by country."""
    total = OrderLine.objects.filter(order=OuterRef("pk")).values("order").annotate(sum=REVENUE).values("sum")
    orders = Order.objects.annotate(total=Subquery(total, output_field=IntegerField())).values("country")
    figures = orders.annotate(orders=Count("pk"), average_cents=Avg("total"), largest_cents=Max("total"))
    return _rows(figures.order_by("-orders"))


@cached("dashboard:bought_together", timeout=DAILY, priority=10)
def bought_together() -> Rows:
    """Count the pairs of products that share an order: the order lines joined with themselves."""
    pairs = OrderLine.objects.filter(order__lines__product__gt=F("product"))
    named = pairs.values(first=F("product__name"), second=F("order__lines__product__name"))
    counted = named.annotate(times=Count("pk"))
    return _rows(counted.order_by("-times", "first", "second")[:25])


@cached("dashboard:top_products", timeout=HOURLY, priority=10)
def top_products() -> Rows:
    """Rank products by revenue."""
    products = OrderLine.objects.values(product_name=F("product__name"), brand=F("product__brand__name"))
    return _rows(products.annotate(revenue_cents=REVENUE, pieces=Sum("quantity")).order_by("-revenue_cents")[:30])


@cached("dashboard:orders_by_weekday_and_hour", timeout=DAILY, priority=10)
def orders_by_weekday_and_hour() -> Rows:
    """Count orders for each hour of the week, in the shop's time zone."""
    slots = Order.objects.annotate(weekday=ExtractIsoWeekDay("placed_at"), hour=ExtractHour("placed_at"))
    return _rows(slots.values("weekday", "hour").annotate(orders=Count("pk")).order_by("weekday", "hour"))


@cached("dashboard:stock_cover", timeout=HOURLY, priority=10)
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


@cached("dashboard:review_trend", timeout=DAILY, priority=10)
def review_trend() -> Rows:
    """Average the ratings month by month."""
    months = Review.objects.order_by().annotate(month=TruncMonth("written_at")).values("month")
    figures = months.annotate(reviews=Count("pk"), average=Avg("stars")).order_by("month")
    return [{**row, "month": f"{row['month']:%Y-%m}", "average": round(row["average"], 2)} for row in figures]


@cached("dashboard:best_customers", timeout=HOURLY, priority=10)
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


METRICS: tuple[Cached[[], Rows], ...] = (
    revenue_by_month,
    revenue_by_category,
    revenue_by_price_group,
    basket_by_country,
    top_products,
    best_customers,
    stock_cover,
    bought_together,
    orders_by_weekday_and_hour,
    review_trend,
)


def url_name(metric: Cached[[], Rows]) -> str:
    """Say how the figure is called in its page's URL."""
    return metric.name.removeprefix("dashboard:")


def _rows(values: Iterable[Mapping[str, object]]) -> Rows:
    # Plain dicts: what is stored must not depend on classes that the next release may have moved.
    return [dict(row) for row in values]
