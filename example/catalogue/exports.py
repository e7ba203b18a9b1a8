"""The price list as a file. Streamed, so the page cache never keeps it, whatever the decorator says."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import get_language, override
from django.views.decorators.cache import cache_page

from example.catalogue.models import Product


class Echo:
    """A file for :mod:`csv` that hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


@cache_page(60 * 60)
def price_list(_request: HttpRequest) -> StreamingHttpResponse:
    """Stream all products as CSV."""
    response = StreamingHttpResponse(_lines(get_language() or "en"), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="prices.csv"'
    return response


def _lines(language: str) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(["slug", "name", "brand", "price"])
    products = Product.objects.on_sale().select_related("brand").order_by("pk")
    # The stream is read after LocaleMiddleware has let go of the request's language.
    with override(language):
        rows = [[item.slug, item.title, item.brand.name, f"{item.price_cents / 100:.2f}"] for item in products]
    for row in rows:
        yield writer.writerow(row)
