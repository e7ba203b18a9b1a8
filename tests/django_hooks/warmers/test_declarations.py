"""A wrong argument is refused where it is written: the message names the declaration, the argument and the value."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from django.contrib.auth.models import User
from django.db import models

from django_hooks.warmers import CachedRows, CacheEntry, Warmer, cached, register, register_queries
from django_hooks.warmers.base import UNSET


@pytest.fixture(autouse=True)
def _own(own_registry):
    """What a test declares is gone after it."""


def by_cached(**options):
    @cached("x", **options)
    def figure(size=1):
        return size


def by_register(**options):
    @register("x", **options)
    def entries():
        yield CacheEntry(key="k", value=1)


def by_class(**options):
    register(type("Made", (Warmer,), {"name": "x", **options}))


def by_rows(**options):
    CachedRows("x", User, **options)


EVERYWHERE = [by_cached, by_register, by_class, by_rows]


@pytest.mark.parametrize("declare", EVERYWHERE)
@pytest.mark.parametrize("timeout", ["60", True, dt.timedelta(minutes=1), [1]])
def test_a_timeout_that_is_no_number(declare, timeout):
    with pytest.raises(TypeError, match=r"^x: timeout must be None or seconds from 0, is ") as caught:
        declare(timeout=timeout)
    assert repr(timeout) in str(caught.value)
    assert ("give its .total_seconds()" in str(caught.value)) is isinstance(timeout, dt.timedelta)


@pytest.mark.parametrize("declare", EVERYWHERE)
@pytest.mark.parametrize("timeout", [math.nan, math.inf, -1])
def test_a_timeout_that_is_no_time(declare, timeout):
    with pytest.raises(ValueError, match=f"^x: timeout must be None or seconds from 0, is {timeout}$"):
        declare(timeout=timeout)


@pytest.mark.parametrize("declare", EVERYWHERE)
@pytest.mark.parametrize("timeout", [None, 0, 0.5, 60, UNSET])
def test_sound_timeouts(declare, timeout, own_registry):
    declare(timeout=timeout, priority=3)
    (warmer,) = own_registry
    assert (warmer.timeout, warmer.priority) == (timeout, 3)


@pytest.mark.parametrize("declare", EVERYWHERE)
@pytest.mark.parametrize("priority", [None, "1", True])
def test_a_priority_that_cannot_be_sorted(declare, priority, own_registry):
    with pytest.raises(TypeError, match=f"^x: priority must be a number, is {priority!r}$"):
        declare(priority=priority)
    assert list(own_registry) == []


@pytest.mark.parametrize("declare", [by_cached, by_register, by_class])
def test_a_text_in_place_of_a_list(declare):
    with pytest.raises(TypeError, match=r"^x: depends_on must be a list, is 'other'; write \['other'\]$"):
        declare(depends_on="other")


def test_queries_are_held_to_the_same():
    with pytest.raises(TypeError, match=r"^q: priority must be a number"):
        register_queries("q", priority=None)(list)


def test_a_property_is_not_asked():
    class Asks(Warmer):
        name = "x"

        @property
        def timeout(self):
            raise AssertionError("asked at import")

    assert register(Asks) is Asks


def test_an_alias_is_not_looked_up():
    by_cached(alias="later")
    CachedRows("y", User, alias="later")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        (
            {"key": "s.{sise}"},
            ValueError,
            "x: key 's.{sise}' has the field 'sise', which is no parameter; there are size",
        ),
        ({"key": "s.{}"}, ValueError, "has the field ''"),
        ({"key": "s.{size:{width}}"}, ValueError, "has the field 'width'"),
        ({"key": "s.{size"}, ValueError, "x: key 's.{size' is no format"),
        ({"key": 5}, TypeError, "x: key must be text or a function, is 5"),
        ({"variants": "EUR"}, TypeError, "x: variants must be a list or a function, is 'EUR'"),
        ({"lock_s": None}, TypeError, "x: lock_s must be seconds from 0, is None"),
        ({"lock_s": -1}, ValueError, "x: lock_s must be seconds from 0, is -1"),
    ],
)
def test_what_cached_cannot_be_given(options, kind, words, own_registry):
    with pytest.raises(kind) as caught:
        by_cached(**options)
    assert words in str(caught.value)
    assert list(own_registry) == []


@pytest.mark.parametrize("key", ["s", "s.{size}", "s.{size.real}", "s.{size:>4}"])
def test_keys_that_can_be_made(key):
    by_cached(key=key)


@pytest.mark.parametrize(
    ("rows", "lookups", "kind", "words"),
    [
        (User, "username", TypeError, "x: lookups must be a list, is 'username'; write ['username']"),
        (User, ["usernane"], ValueError, "x: lookups: User has no field named 'usernane'"),
        (User, [["username", "emial"]], ValueError, "x: lookups: User has no field named 'emial'"),
        (User.objects.values(), [], TypeError, "x: rows must be instances"),
        (User.objects.values_list("pk"), [], TypeError, "x: rows must be instances"),
        (User.objects, [], TypeError, "x: rows must be a model or a query set"),
    ],
)
def test_what_rows_cannot_be_given(rows, lookups, kind, words, own_registry):
    with pytest.raises(kind) as caught:
        CachedRows("x", rows, lookups=lookups)
    assert words in str(caught.value)
    assert list(own_registry) == []


def test_a_manager_is_not_asked_at_import(monkeypatch):
    def scoped(self):
        raise AssertionError("outside of a request")

    monkeypatch.setattr(models.Manager, "get_queryset", scoped)
    CachedRows("x", User, lookups=(name for name in ["username"]))
