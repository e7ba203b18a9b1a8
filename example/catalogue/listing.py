"""A page of products: filter, order, count the facets, cut into pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import Avg, Case, Count, F, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from example.catalogue.models import Product, Review
from example.orders.models import OrderLine

PER_PAGE = 12

ORDERS: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "popular": (_("Most popular"), ("-sold", "pk")),
    "price": (_("Price, low to high"), ("price_cents", "pk")),
    "-price": (_("Price, high to low"), ("-price_cents", "pk")),
    "rating": (_("Best rated"), (F("rating").desc(nulls_last=True), "pk")),
    "new": (_("Newest"), ("-added_on", "pk")),
}

PRICE_BANDS = ((0, 2_500), (2_500, 5_000), (5_000, 10_000), (10_000, 20_000), (20_000, None))


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One page of products with everything that stands around it."""

    page: Page[Product]
    order: str
    brand: str
    """Slug of the brand that was asked for, or an empty string."""
    facets: dict[str, list[dict[str, Any]]]
    """Rows of label and count, by name of the facet; counted without the brand filter: brands can be switched."""


def build_listing(products: QuerySet[Product], params: QueryDict) -> Listing:
    """Return the page that ``params`` (``page``, ``sort``, ``brand``) asks for. Nonsense gets the nearest good page."""
    order = params.get("sort", "popular")
    if order not in ORDERS:
        order = "popular"
    brand = params.get("brand", "")
    shown = products.filter(brand__slug=brand) if brand else products
    ordered = _with_figures(shown).select_related("brand", "category").order_by(*ORDERS[order][1])
    page = Paginator(ordered, PER_PAGE).get_page(params.get("page"))
    return Listing(page=page, order=order, brand=brand, facets=count_facets(products))


def count_facets(products: QuerySet[Product]) -> dict[str, list[dict[str, Any]]]:
    """Count ``products`` by brand, material, price band and rating."""
    plain = products.order_by()
    band = Case(
        *(When(price_cents__gte=low, then=Value(low)) for low, _high in reversed(PRICE_BANDS)),
        output_field=IntegerField(),
    )
    return {
        "brands": _rows(plain.values("brand__name", "brand__slug").annotate(count=Count("pk")).order_by("brand__name")),
        "materials": _rows(plain.values("material").annotate(count=Count("pk")).order_by("-count", "material")),
        "bands": _rows(plain.annotate(band=band).values("band").annotate(count=Count("pk")).order_by("band")),
        "ratings": _rows(
            Review.objects.filter(product__in=plain.values("pk"), is_published=True)
            .order_by()
            .values("stars")
            .annotate(count=Count("pk"))
            .order_by("-stars"),
        ),
    }


def _with_figures(products: QuerySet[Product]) -> QuerySet[Product]:
    # Subqueries rather than two joins: reviews times order lines would multiply the rows.
    reviews = Review.objects.filter(product=OuterRef("pk"), is_published=True).order_by().values("product")
    lines = OrderLine.objects.filter(product=OuterRef("pk")).order_by().values("product")
    return products.annotate(
        rating=Subquery(reviews.annotate(average=Avg("stars")).values("average")),
        review_count=Coalesce(Subquery(reviews.annotate(count=Count("pk")).values("count")), 0),
        sold=Coalesce(Subquery(lines.annotate(sold=Sum("quantity")).values("sold")), 0),
    )


def _rows(values: Iterable[Mapping[str, object]]) -> list[dict[str, Any]]:
    return [dict(row) for row in values]
