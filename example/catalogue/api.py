"""The JSON interface that partners and the shop's own app use. Read only, public, cached like a page."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import cache_page

from example.catalogue import figures
from example.catalogue.listing import build_listing
from example.catalogue.models import Category, Product

API_TIMEOUT = 30 * 60


@cache_page(API_TIMEOUT)
def products(request: HttpRequest) -> JsonResponse:
    """List products, twelve a page; ``category``, ``brand``, ``sort`` and ``page`` narrow it down."""
    chosen: QuerySet[Product] = Product.objects.on_sale()
    if path := request.GET.get("category"):
        chosen = get_object_or_404(Category, path=path).products()
    listing = build_listing(chosen, request.GET)
    return JsonResponse(
        {
            "page": listing.page.number,
            "pages": listing.page.paginator.num_pages,
            "count": listing.page.paginator.count,
            "facets": listing.facets,
            "products": [_summary(product) for product in listing.page],
        },
    )


@cache_page(API_TIMEOUT)
def product(_request: HttpRequest, product_slug: str) -> JsonResponse:
    """Tell everything about one product."""
    found = get_object_or_404(Product.objects.on_sale().select_related("brand", "category"), slug=product_slug)
    related = [other.slug for other in figures.related_products(found)]
    details = {
        "description": found.text,
        "material": found.material,
        "stock": found.stock,
        "reviews": figures.review_summary(found),
        "related": related,
    }
    return JsonResponse({**_summary(found), **details})


def _summary(product: Product) -> dict[str, Any]:
    return {
        "slug": product.slug,
        "name": product.title,
        "brand": product.brand.name,
        "category": product.category.path,
        "price": f"{product.price_cents / 100:.2f}",
        "url": product.get_absolute_url(),
    }
