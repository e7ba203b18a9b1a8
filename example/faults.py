"""Break the site on purpose, for tests of what a warmer does then. Off unless ``EXAMPLE_BREAK`` names a fault.

``half``        every second product and category (odd id) answers 500
``leak``        the offers page greets whoever asks, and keeps the greeting in the cache under one key for everybody
``writes``      each product page writes to the database
``login_wall``  everything but the login page, ``healthz/`` included, redirects to the login page: a staging site
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from example.catalogue.models import Category, Product

FAULTS = frozenset({"half", "leak", "login_wall", "writes"})


class FaultMiddleware:
    """Answer in place of the view where a fault is switched on; stands outside of the page cache on purpose."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.faults = frozenset(filter(None, os.environ.get("EXAMPLE_BREAK", "").split(",")))
        if unknown := self.faults - FAULTS:
            raise ImproperlyConfigured(f"EXAMPLE_BREAK: unknown {sorted(unknown)}, choose from {sorted(FAULTS)}")
        if not self.faults:
            raise MiddlewareNotUsed

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the login page when there is a wall."""
        login = reverse("accounts:login")
        if "login_wall" in self.faults and not request.path.endswith("/account/login/"):
            return HttpResponseRedirect(f"{login}?next={request.path}")
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        _view: Callable[..., HttpResponse],
        _args: list[Any],
        kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        """Do what the fault says in place of the view, or before it."""
        if "leak" in self.faults and request.path.endswith("/offers/"):
            name = request.user.get_username()
            return HttpResponse(cache.get_or_set("greeting", lambda: f"Hello, {name or 'visitor'}", 3600))
        if "writes" in self.faults and "product_slug" in kwargs:
            Product.objects.filter(slug=kwargs["product_slug"]).update(stock=F("stock"))
        if "half" in self.faults and _has_odd_id(kwargs):
            return HttpResponse("broken on purpose: EXAMPLE_BREAK=half", status=500, content_type="text/plain")
        return None


def _has_odd_id(kwargs: dict[str, Any]) -> bool:
    if "product_slug" in kwargs:
        row = Product.objects.filter(slug=kwargs["product_slug"]).values_list("pk", flat=True).first()
    elif "category_path" in kwargs:
        row = Category.objects.filter(path=kwargs["category_path"]).values_list("pk", flat=True).first()
    else:
        return False
    return row is not None and row % 2 == 1
