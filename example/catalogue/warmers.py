"""What stands on every page of the shop: the category menu and the footer, in each language."""

from __future__ import annotations

from django_hooks.warmers import FragmentWarmer, register


class _OnEveryPage(FragmentWarmer):
    template_name = "base.html"
    priority = 20
    languages = "all"


@register
class CategoryMenu(_OnEveryPage):
    """Counts the products of every category."""

    name = "category-menu"
    fragment_name = "category_menu"


@register
class Footer(_OnEveryPage):
    """The links below every page."""

    name = "footer"
    fragment_name = "footer"
