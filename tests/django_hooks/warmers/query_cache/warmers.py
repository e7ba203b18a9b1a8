from __future__ import annotations

from django_hooks.warmers import register_queries
from example.catalogue.models import Brand, Category


def nonsense():
    raise ZeroDivisionError("nobody knows")


@register_queries("menu")
def menu():
    yield Category.objects.filter(parent=None).prefetch_related("children")
    yield Brand.objects.order_by("name")
    yield Brand.objects.filter(name__startswith="A").count
    yield nonsense


@register_queries("random")
def random():
    yield lambda: list(Brand.objects.raw("SELECT * FROM catalogue_brand"))
