"""Template tags of the shop: prices, the category menu, links that change one parameter or the language."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context
from django.urls import translate_url
from django.utils.formats import number_format

from example.accounts.pricing import discount_percent
from example.catalogue.models import Category

register = template.Library()


@register.filter
def money(cents: int) -> str:
    """Write an amount as the visitor's language does: ``1,234.50 €`` or ``1.234,50 €``."""
    return f"{number_format(cents / 100, decimal_pos=2, use_l10n=True, force_grouping=True)} €"


@register.filter
def price_for(cents: int, group: str) -> int:
    """Return what ``group`` pays for something with this list price."""
    return cents * (100 - discount_percent(group)) // 100


@register.filter
def stars(rating: float | None) -> str:
    """Draw a rating out of five."""
    full = round(rating or 0)
    return "★" * full + "☆" * (5 - full)


@register.simple_tag(takes_context=True)
def query_link(context: Context, **changes: Any) -> str:
    """Return the page's query with ``changes`` applied; parameters that are empty, and page 1, are left out."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query[name] = value
    if str(query.get("page")) == "1":
        del query["page"]
    for name in [name for name, value in query.items() if not value]:
        del query[name]
    return f"?{query.urlencode()}" if query else context["request"].path


@register.simple_tag(takes_context=True)
def page_in(context: Context, language: str) -> str:
    """Return the path of this page in ``language``."""
    return translate_url(context["request"].get_full_path(), language)


@register.inclusion_tag("catalogue/_menu.html")
def category_menu() -> dict[str, Any]:
    """Draw the two upper levels of the tree with the number of products in each."""
    roots = Category.objects.filter(parent=None).prefetch_related("children")
    menu = [
        {
            "category": root,
            "children": [(child, child.products().count()) for child in root.children.all()],
        }
        for root in roots
    ]
    return {"menu": menu}
