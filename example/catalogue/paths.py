"""Every path that an anonymous visitor can have from the page cache, for tests and for the demo's visitors."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from urllib.parse import quote

from django.conf import settings
from django.urls import reverse
from django.utils.translation import override

from example.catalogue.listing import PER_PAGE
from example.catalogue.models import Category, Product
from example.catalogue.vocabulary import SEARCH_WORDS
from example.content.models import Article


def cacheable_paths() -> Iterator[str]:
    """Yield home pages, categories with their pages, products, stories, searches and API calls, in both languages."""
    for section in (_entrances, _products, _pages_of_categories, _articles, _searches, _api):
        for language, _name in settings.LANGUAGES:
            with override(language):
                paths = list(section())
            yield from paths


def _entrances() -> Iterator[str]:
    yield reverse("catalogue:home")
    yield reverse("content:journal")
    for category in Category.objects.filter(parent=None):
        yield category.get_absolute_url()


def _products() -> Iterator[str]:
    for product in Product.objects.on_sale().order_by("pk"):
        yield product.get_absolute_url()


def _pages_of_categories() -> Iterator[str]:
    for category in Category.objects.order_by("path"):
        pages = ceil(category.products().count() / PER_PAGE)
        if category.parent_id:
            yield category.get_absolute_url()
        for number in range(2, pages + 1):
            yield f"{category.get_absolute_url()}?page={number}"
        yield f"{category.get_absolute_url()}?sort=price"


def _articles() -> Iterator[str]:
    for article in Article.objects.all():
        yield article.get_absolute_url()


def _searches() -> Iterator[str]:
    for word in SEARCH_WORDS:
        yield f"{reverse('catalogue:search')}?q={quote(word)}"


def _api() -> Iterator[str]:
    yield reverse("catalogue:api_products")
    for product in Product.objects.on_sale().order_by("pk"):
        yield reverse("catalogue:api_product", kwargs={"product_slug": product.slug})
