"""The staff pages: who may see them, and the figures they are made of."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db.models import F, Sum
from django.test import Client

from example.accounts.people import PASSWORD
from example.dashboard.metrics import METRICS, revenue_by_month
from example.orders.models import OrderLine

PAGES = ["/en/dashboard/", "/en/dashboard/metrics/top_products/", "/en/dashboard/orders.csv"]


@pytest.mark.parametrize("path", [*PAGES, "/en/dashboard/stock/", "/en/dashboard/reviews/"])
def test_visitors_are_sent_to_the_login_page(path):
    answer = Client().get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/en/account/login/")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("username", "status"),
    # Being staff is not enough: the moderator has is_staff, but not the permission.
    [("persona-wholesale", 403), ("staff-moderator", 403), ("staff-analyst", 200), ("admin", 200)],
)
def test_the_dashboard_needs_its_permission(sign_in, path, username, status):
    answer = sign_in(username).get(path)

    assert answer.status_code == status
    if answer.streaming:
        b"".join(answer.streaming_content)


@pytest.mark.parametrize(("username", "status"), [("staff-moderator", 200), ("staff-analyst", 403)])
def test_moderation_needs_its_permission(sign_in, username, status):
    assert sign_in(username).get("/en/dashboard/reviews/").status_code == status


def test_stock_is_for_staff(sign_in):
    assert sign_in("staff-moderator").get("/en/dashboard/stock/").status_code == 200
    assert sign_in("persona-retail").get("/en/dashboard/stock/").status_code == 302


def test_the_dashboard_stores_its_figures_and_no_page(sign_in):
    analyst = sign_in("staff-analyst")

    first, second = analyst.get("/en/dashboard/"), analyst.get("/en/dashboard/")

    assert "private" in first["Cache-Control"]
    assert "Age" not in second
    assert {metric.key() for metric in METRICS} == set(cache.get_many([metric.key() for metric in METRICS]))


def test_a_stored_figure_is_shown_as_it_is(sign_in):
    cache.set("dashboard:top_products", [{"product_name": "FROM THE CACHE", "revenue_cents": 123456}])

    page = sign_in("staff-analyst").get("/en/dashboard/metrics/top_products/").text

    assert "FROM THE CACHE" in page
    assert "1,234.56 €" in page


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_gives_plain_rows(metric):
    rows = metric.compute()

    assert rows
    assert len({tuple(row) for row in rows}) == 1
    assert {type(value) for row in rows for value in row.values()} <= {int, float, str}


def test_months_add_up_to_all_revenue():
    everything = OrderLine.objects.aggregate(sum=Sum(F("quantity") * F("unit_price_cents")))["sum"]

    assert sum(row["revenue_cents"] for row in revenue_by_month()) == everything


def test_the_download_holds_every_line(sign_in):
    answer = sign_in("staff-analyst").get("/en/dashboard/orders.csv")

    assert answer.streaming
    assert b"".join(answer.streaming_content).count(b"\r\n") == OrderLine.objects.count() + 1


@pytest.mark.parametrize("username", ["persona-trade", "staff-analyst", "staff-moderator", "admin"])
def test_who_can_sign_in_does_so_with_the_documented_password(visitor, username):
    answer = visitor.post("/en/account/login/", {"username": username, "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, "/en/account/")
    assert f"Hello, {username}" in visitor.get("/en/account/").text
