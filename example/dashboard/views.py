"""The staff pages: figures, stock, reviews that wait for a moderator, and a download."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control

from django_hooks.warmers import Cached
from example.catalogue.exports import Echo
from example.catalogue.models import Product, Review
from example.dashboard.metrics import METRICS, Rows, url_name
from example.orders.models import OrderLine


@login_required
@permission_required("dashboard.view_metrics", raise_exception=True)
@cache_control(private=True)
def overview(request: HttpRequest) -> HttpResponse:
    """Show the first rows of every metric."""
    return render(request, "dashboard/overview.html", {"tables": [_table(metric, 8) for metric in METRICS]})


@login_required
@permission_required("dashboard.view_metrics", raise_exception=True)
@cache_control(private=True)
def metric_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show one metric in full."""
    for metric in METRICS:
        if url_name(metric) == name:
            return render(request, "dashboard/metric.html", {"table": _table(metric)})
    raise Http404(name)


@staff_member_required(login_url="accounts:login")  # type: ignore[untyped-decorator]
@cache_control(private=True)
def stock(request: HttpRequest) -> HttpResponse:
    """List what is running out."""
    products = Product.objects.select_related("brand", "category").filter(stock__lt=40).order_by("stock", "pk")
    page = Paginator(products, 40).get_page(request.GET.get("page"))
    return render(request, "dashboard/stock.html", {"page": page})


@login_required
@permission_required("catalogue.change_review", raise_exception=True)
@cache_control(private=True)
def moderation(request: HttpRequest) -> HttpResponse:
    """List reviews that nobody has let through yet, and those with very few stars."""
    waiting = Review.objects.filter(Q(is_published=False) | Q(stars=1)).select_related("product", "author")
    page = Paginator(waiting, 25).get_page(request.GET.get("page"))
    return render(request, "dashboard/moderation.html", {"page": page})


@login_required
@permission_required("dashboard.export_orders", raise_exception=True)
def export_orders(_request: HttpRequest) -> StreamingHttpResponse:
    """Stream every order line as CSV, without holding them in memory."""
    response = StreamingHttpResponse(_order_lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="orders.csv"'
    return response


def _order_lines() -> Iterator[str]:
    writer = csv.writer(Echo())
    columns = ("order_id", "order__placed_at", "order__country", "product__slug", "quantity", "unit_price_cents")
    yield writer.writerow(columns)
    for row in OrderLine.objects.order_by("pk").values_list(*columns).iterator(chunk_size=2_000):
        yield writer.writerow(row)


def _table(metric: Cached[[], Rows], limit: int | None = None) -> dict[str, Any]:
    rows = metric()[:limit]
    columns = [column.replace("_", " ").removesuffix(" cents") for column in rows[0]] if rows else []
    cells = [
        [(value, column.endswith("_cents") and value is not None) for column, value in row.items()] for row in rows
    ]
    name = url_name(metric)
    return {"name": name, "title": name.replace("_", " ").capitalize(), "columns": columns, "rows": cells}
