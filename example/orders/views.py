"""The basket, which lives in the session."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from example.accounts.pricing import price_group
from example.catalogue.models import Product


@never_cache
def basket(request: HttpRequest) -> HttpResponse:
    """Show what lies in the basket."""
    content: dict[str, int] = request.session.get("basket", {})
    products = Product.objects.filter(pk__in=content).select_related("brand")
    rows = [(product, content[str(product.pk)]) for product in products]
    return render(request, "orders/basket.html", {"rows": rows, "price_group": price_group(request.user)})


@require_POST
def add(request: HttpRequest, product_id: int) -> HttpResponse:
    """Put one piece into the basket."""
    product = get_object_or_404(Product.objects.on_sale(), pk=product_id)
    content: dict[str, int] = request.session.get("basket", {})
    content[str(product.pk)] = content.get(str(product.pk), 0) + 1
    request.session["basket"] = content
    return redirect("orders:basket")
