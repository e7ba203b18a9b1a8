"""What lies in the cache below the pages: fragments by language and group, and figures under readable keys."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.cache.utils import make_template_fragment_key

from example.catalogue import figures
from example.catalogue.models import Category, Product


@pytest.mark.parametrize(("language", "word"), [("en", "Bedroom"), ("de", "Schlafzimmer")])
def test_menu_and_footer_vary_on_the_language(visitor, language, word):
    other = {"en": "de", "de": "en"}[language]

    visitor.get(f"/{language}/")

    assert word in cache.get(make_template_fragment_key("category_menu", [language]))
    assert cache.get(make_template_fragment_key("category_menu", [other])) is None
    assert cache.get(make_template_fragment_key("footer", [language])) is not None


@pytest.mark.parametrize(
    ("username", "group"),
    [("persona-retail", "retail"), ("persona-trade", "trade"), ("persona-wholesale", "wholesale")],
)
def test_offers_vary_on_the_group(sign_in, username, group):
    page = sign_in(username).get("/en/offers/")

    fragment = cache.get(make_template_fragment_key("offers", ["en", group]))
    assert fragment is not None
    assert fragment in page.text
    assert cache.get(make_template_fragment_key("offers", ["en", "public"])) is None


def test_offers_are_not_stored_as_a_page_but_their_fragment_is_reused(visitor, django_assert_max_num_queries):
    visitor.get("/en/offers/")
    key = make_template_fragment_key("offers", ["en", "public"])
    cache.set(key, "THE STORED FRAGMENT")

    again = visitor.get("/en/offers/")

    assert "Age" not in again
    assert "THE STORED FRAGMENT" in again.text


def test_groups_pay_different_prices(sign_in, visitor):
    product = Product.objects.on_sale().order_by("-price_cents").first()
    path = f"/en/p/{product.slug}/"

    boxes = {
        "public": visitor.get(path),
        "trade": sign_in("persona-trade").get(path),
        "wholesale": sign_in("persona-wholesale").get(path),
    }

    for group, discount in {"public": 0, "trade": 8, "wholesale": 15}.items():
        box = cache.get(make_template_fragment_key("price_box", [product.pk, "en", group]))
        assert f"{product.price_cents * (100 - discount) // 100 / 100:,.2f} €" in box
        assert box in boxes[group].text


def test_figures_are_kept_under_readable_keys(visitor):
    product = Product.objects.on_sale().order_by("pk")[0]
    category = Category.objects.get(path="bedroom")

    visitor.get(f"/en/p/{product.slug}/")
    visitor.get("/en/c/bedroom/")

    keys = [
        f"catalogue:review_summary:{product.pk}",
        f"catalogue:related:{product.pk}",
        f"catalogue:bestsellers:{category.pk}",
        "catalogue:last_order_at",
    ]
    assert set(keys) == set(cache.get_many(keys))


def test_review_summaries_count_what_is_published():
    product = Product.objects.on_sale().order_by("pk")[0]
    stars = list(product.reviews.filter(is_published=True).values_list("stars", flat=True))

    summary = figures.review_summary(product)

    assert summary["count"] == len(stars) == sum(summary["stars"].values())
    assert summary["average"] == round(sum(stars) / len(stars), 1)


def test_bestsellers_stay_within_their_category():
    kitchen = Category.objects.get(path="kitchen")

    assert {product.category.path.split("/")[0] for product in figures.bestsellers(kitchen)} == {"kitchen"}


def test_the_price_group_is_kept_per_user(sign_in):
    sign_in("persona-trade").get("/en/offers/")

    pk = User.objects.get(username="persona-trade").pk
    assert cache.get(f"accounts:price_group:{pk}") == "trade"


def test_sessions_lie_in_cache_and_database(sign_in):
    client = sign_in("persona-retail")

    client.get("/en/account/")

    assert cache.get(f"django.contrib.sessions.cached_db{client.session.session_key}")


def test_pages_speak_their_language(visitor):
    assert "Your account" in visitor.get("/en/").text
    assert "Ihr Konto" in visitor.get("/de/").text
    assert visitor.get("/de/c/bedroom/?page=2").text.count('href="/en/c/bedroom/?page=2"') == 1
