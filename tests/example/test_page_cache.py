"""Which pages the page cache stores, and why it leaves the others alone."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from example.accounts.models import Subscription
from example.catalogue.models import Product
from example.catalogue.paths import cacheable_paths


def twice(client, path):
    """Ask twice; return both answers. Only one that comes from the page cache carries an Age."""
    answers = [client.get(path), client.get(path)]
    for answer in answers:
        # A browser's next request would carry what the page has set; here each test decides that for itself.
        if answer.streaming:
            b"".join(answer.streaming_content)
    assert "Age" not in answers[0]
    return answers


def a_product():
    return Product.objects.on_sale().order_by("pk")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/en/",
        "/de/",
        "/en/c/bedroom/",
        "/de/c/bedroom/?page=2",
        "/en/c/kitchen/tea-towels/plain/?sort=price",
        "/en/search/?q=linen",
        "/de/search/?q=Leinen",
        "/en/journal/",
        "/en/journal/washing-wool/",
        "/en/api/products/",
        "/de/api/products/?category=bedroom&page=2",
        "/sitemap.xml",
        "/robots.txt",
    ],
)
def test_stored(visitor, path):
    cold, warm = twice(visitor, path)

    assert (cold.status_code, warm.status_code) == (200, 200)
    assert "Age" in warm
    assert cold.content == warm.content


@pytest.mark.parametrize("language", ["en", "de"])
def test_products_are_stored_whatever_analytics_cookie_there_is(language):
    path = f"/{language}/p/{a_product().slug}/"
    first = Client().get(path)
    other = Client()
    other.cookies["_ga"] = "GA1.1.12345"

    second = other.get(path)

    assert "Age" in second
    # Downstream caches must know, though, that a signed-in customer gets another page.
    assert "Cookie" in first["Vary"]


def test_products_are_made_anew_for_whoever_has_a_session(visitor, sign_in):
    path = f"/en/p/{a_product().slug}/"
    visitor.get(path)

    trade = sign_in("persona-trade").get(path)

    assert "Age" not in trade
    assert "Hello, persona-trade" in trade.text
    assert "Hello" not in visitor.get(path).text


def test_an_api_product_is_stored(visitor):
    _cold, warm = twice(visitor, f"/en/api/products/{a_product().slug}/")

    assert "Age" in warm
    assert warm.json()["slug"] == a_product().slug


def test_a_form_with_a_csrf_token_is_never_stored(visitor):
    cold, warm = twice(visitor, "/en/contact/")

    assert "Age" not in warm
    assert "csrftoken" in cold.cookies
    assert "Cookie" in cold["Vary"]


def test_a_page_that_asks_who_is_there_is_stored_per_cookie_header(sign_in):
    assert "Cookie" in Client().get("/en/journal/")["Vary"]
    tracked = Client()
    tracked.cookies["_ga"] = "GA1.1.12345"
    customer = sign_in("persona-retail")

    assert "Age" not in tracked.get("/en/journal/")
    assert "Hello, persona-retail" in customer.get("/en/journal/").text
    assert "Age" in customer.get("/en/journal/")
    assert "Hello" not in Client().get("/en/journal/").text


def test_a_private_page_is_never_stored(visitor):
    _cold, warm = twice(visitor, "/en/delivery/")

    assert "Age" not in warm
    assert "private" in warm["Cache-Control"]


def test_a_streamed_file_is_never_stored(visitor):
    _cold, warm = twice(visitor, "/en/prices.csv")

    assert warm.status_code == 200
    assert warm.streaming
    assert "Age" not in warm


def test_a_streamed_file_speaks_the_language_of_its_path(visitor):
    assert a_product().name_de in b"".join(visitor.get("/de/prices.csv").streaming_content).decode()


@pytest.mark.parametrize("path", ["/en/basket/", "/en/account/login/", "/healthz/"])
def test_never_cache(visitor, path):
    _cold, warm = twice(visitor, path)

    assert warm.status_code == 200
    assert "Age" not in warm
    assert {"no-store", "private"} <= set(warm["Cache-Control"].split(", "))


@pytest.mark.parametrize(
    ("path", "status", "target"),
    [
        ("/", 302, "/en/"),
        ("/en/sale/", 302, "/en/offers/"),
        ("/de/sale/", 302, "/de/offers/"),
        ("/en/account/", 302, "/en/account/login/?next=/en/account/"),
    ],
)
def test_redirects_are_never_stored(visitor, path, status, target):
    _cold, again = twice(visitor, path)

    assert (status, target) == (again.status_code, again["Location"])


def test_a_short_link_moves_on_for_good(visitor):
    answer = visitor.get(f"/en/go/{a_product().pk}/")

    assert (301, a_product().get_absolute_url()) == (answer.status_code, answer["Location"])


def test_a_product_that_is_gone_is_404_and_still_linked(visitor):
    gone = Product.objects.filter(is_active=False).first()
    _cold, again = twice(visitor, f"/en/p/{gone.slug}/")

    assert again.status_code == 404
    assert f'href="/en/p/{gone.slug}/"' in visitor.get("/en/journal/what-we-gave-up/").text
    assert f"/en/p/{gone.slug}/" in visitor.get("/sitemap.xml").text


def test_a_logout_link_ends_the_session_by_get(sign_in):
    client = sign_in("persona-retail")
    assert 'href="/en/account/logout/"' in client.get("/en/account/").text

    assert client.get("/en/account/logout/").status_code == 302

    assert client.get("/en/account/").status_code == 302


def test_an_unsubscribe_link_writes_by_get(visitor):
    subscription = Subscription.objects.first()

    answer = visitor.get(f"/de/account/newsletter/unsubscribe/{subscription.token}/")

    assert "no-store" in answer["Cache-Control"]
    assert not Subscription.objects.get(pk=subscription.pk).is_active
    assert User.objects.filter(is_active=False).count() == 0


def test_compressed_answers_share_one_entry(visitor):
    visitor.get("/en/", headers={"accept-encoding": "gzip"})

    brotli = visitor.get("/en/", headers={"accept-encoding": "gzip, deflate, br, zstd"})

    assert "Age" in brotli
    assert brotli["Content-Encoding"] == "gzip"


def test_the_key_holds_scheme_and_host(visitor):
    visitor.get("/en/")

    assert "Age" not in Client(headers={"host": "shop.example"}).get("/en/")
    assert "Age" not in Client(headers={"host": "127.0.0.1", "x-forwarded-proto": "https"}).get("/en/")


def test_paths_that_are_called_cacheable_are_stored(visitor):
    paths = list(cacheable_paths())
    assert len(paths) == len(set(paths))

    for path in paths[:: len(paths) // 40]:
        _cold, warm = twice(visitor, path)
        assert "Age" in warm, path
