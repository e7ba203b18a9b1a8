"""The sitemap. Nobody ever took products that are gone off it: as on many a real site, some of its links are 404."""

from __future__ import annotations

from django.contrib.sitemaps import Sitemap
from django.db.models import QuerySet

from example.catalogue.models import Category, Product


class CategorySitemap(Sitemap):  # type: ignore[type-arg]
    """Every category in every language."""

    i18n = True
    priority = 0.8

    def items(self) -> QuerySet[Category]:
        return Category.objects.all()


class ProductSitemap(Sitemap):  # type: ignore[type-arg]
    """Every product there ever was, in every language."""

    i18n = True

    def items(self) -> QuerySet[Product]:
        return Product.objects.order_by("pk")


SITEMAPS = {"categories": CategorySitemap, "products": ProductSitemap}
