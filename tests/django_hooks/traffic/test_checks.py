"""Wrong settings are named before traffic comes."""

from __future__ import annotations

import pytest

from django_hooks.checks import check_cache_warming
from django_hooks.traffic.options import TrafficOptions, traffic_options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAFFIC_SAMPLE_RATE", 1.5),
        ("TRAFFIC_SAMPLE_RATE", -0.1),
        ("TRAFFIC_FLUSH_S", 0),
        ("TRAFFIC_MAX_URLS", 5),
        ("TRAFFIC_RETENTION_DAYS", 0),
        ("TRAFFIC_RULES", "nowhere.toml"),
    ],
)
def test_values_out_of_range_are_errors_with_a_hint(shop, name, value):
    shop.CACHE_WARMING = {"SECRET": "s" * 40, name: value}
    found = [message for message in check_cache_warming() if message.id == "cache_warming.E006"]
    assert len(found) == 1
    assert found[0].msg.startswith(f"CACHE_WARMING['{name}'] ")
    assert found[0].hint


def test_wrong_types_are_named_once(shop):
    shop.CACHE_WARMING = {"SECRET": "s" * 40, "TRAFFIC_FLUSH_S": "30"}
    assert [message.id for message in check_cache_warming() if message.id.startswith("cache_warming.E")] == [
        "cache_warming.E003"
    ]


@pytest.mark.parametrize(("rate", "one_in"), [(1, 1), (0.5, 2), (0.3, 3), (0.01, 100)])
def test_a_rate_becomes_one_in_a_whole_number(shop, rate, one_in):
    shop.CACHE_WARMING = {"TRAFFIC_SAMPLE_RATE": rate}
    assert traffic_options() == TrafficOptions(one_in=one_in)


def test_the_default_is_off(shop):
    shop.CACHE_WARMING = {}
    assert traffic_options() is None
