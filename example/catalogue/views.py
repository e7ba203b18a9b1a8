"""The shop floor: home, categories, products, search and the offers page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import smart_split
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_page

from example.accounts.pricing import price_group
from example.catalogue import figures
from example.catalogue.listing import ORDERS, Listing, build_listing
from example.catalogue.models import Category, Product, Review
from example.catalogue.page_cache import cache_page_without_session, has_session

HOME_TIMEOUT = 60 * 60
CATEGORY_TIMEOUT = 60 * 60
PRODUCT_TIMEOUT = 60 * 60
SEARCH_TIMEOUT = 30 * 60


@cache_page(HOME_TIMEOUT)
def home(request: HttpRequest) -> HttpResponse:
    """Show bestsellers, news, well rated products and fresh reviews: the same page for everybody."""
    newest = Product.objects.on_sale().select_related("brand").order_by("-added_on", "pk")[:8]
    rated = Count("reviews", filter=Q(reviews__stars=5, reviews__written_at__gte=_three_months_ago()))
    loved = Product.objects.on_sale().select_related("brand").annotate(fives=rated).order_by("-fives", "pk")[:8]
    reviews = Review.objects.filter(is_published=True).select_related("product", "author")[:6]
    departments = [
        {"category": category, "count": category.products().count(), "tops": figures.bestsellers(category, 3)}
        for category in Category.objects.filter(parent=None)
    ]
    context = {
        "bestsellers": figures.bestsellers(),
        "newest": newest,
        "loved": loved,
        "reviews": reviews,
        "departments": departments,
    }
    return render(request, "catalogue/home.html", context)


@cache_page(CATEGORY_TIMEOUT)
def category_page(request: HttpRequest, category_path: str) -> HttpResponse:
    """Show a category with its subcategories, facets, bestsellers and one page of products."""
    category = get_object_or_404(Category, path=category_path)
    listing = build_listing(category.products(), request.GET)
    context = {
        **_listing_context(listing),
        "category": category,
        "ancestors": category.ancestors(),
        "children": [(child, child.products().count()) for child in category.children.all()],
        "bestsellers": figures.bestsellers(category, 4),
    }
    return render(request, "catalogue/category.html", context)


@cache_page_without_session(PRODUCT_TIMEOUT)
def product_page(request: HttpRequest, product_slug: str) -> HttpResponse:
    """Show a product; a customer who is signed in sees the price of their group, and the page is made for them."""
    product = get_object_or_404(Product.objects.on_sale().select_related("brand", "category"), slug=product_slug)
    # Asking request.user without need would load the session, and the page would vary on every cookie.
    user: User | AnonymousUser = request.user if has_session(request) else AnonymousUser()
    context = {
        "product": product,
        "ancestors": [*product.category.ancestors(), product.category],
        "summary": figures.review_summary(product),
        "reviews": product.reviews.filter(is_published=True).select_related("author")[:8],
        "related": figures.related_products(product),
        "siblings": product.category.products().exclude(pk=product.pk).select_related("brand").order_by("pk")[:4],
        "customer": user,
        "price_group": price_group(user),
    }
    return render(request, "catalogue/product.html", context)


def short_link(_request: HttpRequest, product_id: int) -> HttpResponse:
    """Send the short link printed on labels on to the product."""
    return redirect(get_object_or_404(Product.objects.on_sale(), pk=product_id), permanent=True)


@cache_page(SEARCH_TIMEOUT)
def search(request: HttpRequest) -> HttpResponse:
    """Find products that hold every word, in either language."""
    query = request.GET.get("q", "").strip()
    products = Product.objects.on_sale()
    for word in list(smart_split(query))[:6]:
        text = word.strip("\"'")
        products = products.filter(
            Q(name__icontains=text)
            | Q(name_de__icontains=text)
            | Q(description__icontains=text)
            | Q(description_de__icontains=text)
            | Q(brand__name__icontains=text),
        )
    listing = build_listing(products, request.GET)
    return render(request, "catalogue/search.html", {**_listing_context(listing), "query": query})


def offers(request: HttpRequest) -> HttpResponse:
    """Show the offers of the visitor's group: a page that is never stored, made of fragments that are."""
    group = price_group(request.user)
    return render(request, "catalogue/offers.html", {"price_group": group, "offers": _offers})


def _offers() -> list[Product]:
    # Handed over as a function: the template calls it inside of the fragment, so only on a miss.
    overstocked = Product.objects.on_sale().select_related("brand").filter(stock__gt=0)
    return list(overstocked.annotate(sold=Count("lines")).order_by("sold", "-stock", "pk")[:12])


def _three_months_ago() -> Any:
    return figures.last_order_at() - timedelta(days=90)


def _listing_context(listing: Listing) -> dict[str, Any]:
    return {
        "listing": listing,
        "page": listing.page,
        "page_numbers": listing.page.paginator.get_elided_page_range(listing.page.number, on_each_side=2, on_ends=1),
        "orders": [(key, label) for key, (label, _columns) in ORDERS.items()],
        "all_label": _("All"),
    }
