"""The site broken on purpose."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpResponse
from django.test import Client

from example.catalogue.models import Category, Product
from example.faults import FaultMiddleware


@pytest.fixture
def broken(monkeypatch):
    """Return a client of the site with these faults."""

    def make(faults):
        monkeypatch.setenv("EXAMPLE_BREAK", faults)
        return Client()

    return make


def test_half_of_the_products_and_categories_answer_500(broken):
    client = broken("half")

    for model in (Product.objects.on_sale(), Category.objects.all()):
        for row in model.order_by("pk")[:6]:
            assert client.get(row.get_absolute_url()).status_code == (500 if row.pk % 2 else 200)
    assert client.get("/en/").status_code == 200


def test_half_stands_outside_of_the_page_cache(broken):
    odd = next(product for product in Product.objects.on_sale() if product.pk % 2)
    Client().get(odd.get_absolute_url())

    assert broken("half").get(odd.get_absolute_url()).status_code == 500


@pytest.mark.parametrize("path", ["/", "/en/", "/healthz/", "/de/c/bedroom/", "/nowhere"])
def test_the_login_wall_redirects_everything_but_the_login_page(broken, path):
    answer = broken("login_wall").get(path)

    assert answer.status_code == 302
    assert "/account/login/" in answer["Location"]
    assert broken("login_wall").get("/en/account/login/").status_code == 200


def test_without_faults_the_middleware_is_not_there(monkeypatch):
    monkeypatch.delenv("EXAMPLE_BREAK", raising=False)

    with pytest.raises(MiddlewareNotUsed):
        FaultMiddleware(lambda _request: HttpResponse())


def test_an_unknown_fault_is_refused(monkeypatch):
    monkeypatch.setenv("EXAMPLE_BREAK", "hlaf")

    with pytest.raises(ImproperlyConfigured, match="hlaf"):
        FaultMiddleware(lambda _request: HttpResponse())
