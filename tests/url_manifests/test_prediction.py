from __future__ import annotations

import pytest

from url_manifests.prediction import WEIGHT_ONE, PredictionPolicy, hour_weights
from url_manifests.routes import route_of

MONDAY = 24 * 4  # 1970-01-05 was a Monday


def test_short_logs_are_only_counted():
    assert hour_weights(MONDAY, MONDAY + 46, PredictionPolicy()) is None
    assert hour_weights(MONDAY, MONDAY + 500, PredictionPolicy(half_life_days=0, by_hour_of_week=False)) is None


def test_a_steady_rate_is_predicted_as_it_is():
    weights = hour_weights(MONDAY, MONDAY + 335, PredictionPolicy(horizon_hours=24))
    assert sum(weights.values()) / WEIGHT_ONE == pytest.approx(24, rel=1e-4)


def test_a_half_life_later_counts_half():
    weights = hour_weights(MONDAY, MONDAY + 335, PredictionPolicy(half_life_days=2.0, by_hour_of_week=False))
    assert weights[MONDAY + 100] / weights[MONDAY + 148] == pytest.approx(0.5, rel=1e-4)


def test_hours_like_those_to_come_weigh_more():
    last = MONDAY + 14 * 24 - 1  # the horizon is a Monday
    weights = hour_weights(MONDAY, last, PredictionPolicy(half_life_days=0, horizon_hours=24))
    monday, tuesday, sunday = (weights[MONDAY + 7 * 24 + 24 * day + 9] for day in (0, 1, 6))
    assert monday == pytest.approx(20 * tuesday, rel=1e-4)
    assert tuesday == sunday


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("/en/", "/en/"),
        ("/en/p/42/", "/en/p/*/"),
        ("/en/p/42/nice-blue-lamp/?page=3&a=1", "/en/p/*/*/?a&page"),
        ("/2024/05/12/", "/*/*/*/"),
        ("/o/550e8400-e29b-41d4-a716-446655440000/", "/o/*/"),
        ("/about-us/", "/about-us/"),
        ("/docs/page-12.html", "/docs/*.html"),
        ("/%E8%A3%BD/", "/*/"),
    ],
)
def test_routes(url, route):
    assert route_of(url) == route
