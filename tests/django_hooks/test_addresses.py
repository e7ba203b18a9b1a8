"""Whose address counts behind proxies: never one that the client could have made up."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_hooks import middleware
from django_hooks.addresses import client_address, is_allowed, problems
from url_manifests.errors import ConfigurationError

from .tickets import HOST, SECRET, read, warm_headers


def address(remote: str, forwarded: str | None = None) -> str | None:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    found = client_address(RequestFactory().get("/", REMOTE_ADDR=remote, headers=headers))
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("trusted", "remote", "forwarded", "expected"),
    [
        (0, "192.0.2.1", None, "192.0.2.1"),
        (0, "192.0.2.1", "10.0.0.1", "192.0.2.1"),
        (1, "10.0.0.9", "192.0.2.1", "192.0.2.1"),
        (1, "10.0.0.9", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        (2, "10.0.0.9", "6.6.6.6,192.0.2.1 , 10.0.0.8", "192.0.2.1"),
        (1, "10.0.0.9", None, None),
        (2, "10.0.0.9", "192.0.2.1", None),
        (1, "", "192.0.2.1", "192.0.2.1"),
        (1, "10.0.0.9", "192.0.2.1:4711", "192.0.2.1"),
        (1, "10.0.0.9", "[2001:db8::1]:4711", "2001:db8::1"),
        (0, "::ffff:192.0.2.1", None, "192.0.2.1"),
        (1, "10.0.0.9", "192.0.2.1, unknown", None),
        (1, "10.0.0.9", "192.0.2.1,", None),
        (0, "", None, None),
        (["10.0.0.0/8"], "10.0.0.9", "6.6.6.6, 192.0.2.1, 10.0.0.8", "192.0.2.1"),
        (["10.0.0.0/8"], "192.0.2.7", "10.0.0.8", "192.0.2.7"),
        (["10.0.0.0/8"], "10.0.0.9", "10.0.0.8", None),
        (["10.0.0.0/8"], "10.0.0.9", "evil, 10.0.0.8", None),
        (["unix"], "", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        (["10.0.0.0/8"], "", "192.0.2.1", None),
    ],
)
def test_read_from_the_right(settings, trusted, remote, forwarded, expected):
    settings.CACHE_WARMING = {"TRUSTED_PROXIES": trusted}
    assert address(remote, forwarded) == expected


@given(st.text(st.characters(codec="latin-1"), max_size=60), st.sampled_from([1, ["10.0.0.9"]]))
def test_what_the_client_begins_the_header_with_changes_nothing(forged, trusted):
    with override_settings(CACHE_WARMING={"TRUSTED_PROXIES": trusted}):
        assert address("10.0.0.9", f"{forged}, 192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("configured", "problem"),
    [({"ALLOWED_ADDRESSES": ["here"]}, "must hold addresses"), ({"ALLOWED_ADDRESSES": ["10.0.0.1/8"]}, "host bits"),
     ({"TRUSTED_PROXIES": -1}, "0 or more"), ({"TRUSTED_PROXIES": ["x"]}, "must hold addresses"), ({}, "")],
)  # fmt: skip
def test_wrong_settings_are_named(settings, configured, problem):
    settings.CACHE_WARMING = configured
    assert [problem in str(found) for found in problems()] == [True] * bool(problem)


def ask(remote: str, **headers: str):
    return read(Client().get("/page/", REMOTE_ADDR=remote, headers={**warm_headers("/page/"), **headers}))


def test_tickets_from_elsewhere_are_no_tickets(site):
    site.CACHE_WARMING = {"SECRET": SECRET, "ALLOWED_ADDRESSES": ["192.0.2.0/24", "2001:db8::/32"]}
    middleware.refused.clear()
    assert ask("192.0.2.9").trace is not None
    assert ask("198.51.100.1").trace is None
    assert ask("198.51.100.1", **{"x-forwarded-for": "192.0.2.9"}).trace is None
    assert middleware.refused == {"address": 2}
    assert Client().get("/page/", headers={"host": HOST}).status_code == 200


def test_a_malformed_list_lets_nobody_in(site):
    site.CACHE_WARMING = {"SECRET": SECRET, "ALLOWED_ADDRESSES": ["everybody"]}
    assert ask("192.0.2.9").trace is None
    assert middleware.refused["misconfigured"] == 1
    with pytest.raises(ConfigurationError):
        is_allowed(RequestFactory().get("/"))
