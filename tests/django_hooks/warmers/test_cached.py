"""A view and the warmer share one definition: key, timeout and value cannot differ."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import enum
import uuid

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import translation

from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import cached, streamed
from django_hooks.warmers.cached_function import AsyncCached
from django_hooks.warmers.registry import DuplicateWarmerError
from tests.django_hooks.conftest import SHARED
from url_manifests.outcomes import Result


@pytest.fixture(autouse=True)
def _own(own_registry):
    """What a test decorates is gone after it."""


def warm(registry, **options):
    return [(o.result, o.reason, o.detail) for o in Engine(RunOptions(**options)).run(registry)]


def counted(name="figure", **declared):
    """A cached function with one argument, and the list of the arguments it was computed with."""
    calls = []

    @cached(name, **declared)
    def figure(size=1):
        calls.append(size)
        return {"size": size}

    return figure, calls


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_what_was_warmed_is_read_and_not_computed(backend, own_registry):
    figure, calls = counted(timeout=60, variants=(1, {"size": 2}, (3,)))
    assert warm(own_registry) == [(Result.STORED, "", "")] * 3
    assert calls == [1, 2, 3]
    assert [figure(2), figure(size=3), figure(), async_to_sync(figure.aget)(2)] == [{"size": n} for n in (2, 3, 1, 2)]
    assert calls == [1, 2, 3]
    assert warm(own_registry) == [(Result.ALREADY_WARM, "", "")] * 3


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_reader_stores_what_it_computes_and_a_run_finds_it(backend, own_registry):
    figure, calls = counted(timeout=60)
    assert (figure(), async_to_sync(figure.aget)()) == ({"size": 1}, {"size": 1})
    assert calls == [1]
    assert warm(own_registry) == [(Result.ALREADY_WARM, "", "")]


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_none_is_a_value(backend):
    calls = []

    @cached("nothing", timeout=60)
    def nothing():
        calls.append(1)

    assert [nothing(), nothing(), async_to_sync(nothing.aget)()] == [None] * 3
    assert calls == [1]


def test_an_asynchronous_function_is_warmed_and_read_from_both_sides(backend, own_registry):
    calls = []

    @cached("slow", timeout=60, variants=("a",))
    async def slow(name):
        await asyncio.sleep(0)
        calls.append(name)
        return name.upper()

    assert isinstance(slow, AsyncCached)
    assert warm(own_registry) == [(Result.STORED, "", "")]
    assert (async_to_sync(slow)("a"), slow.get("a"), slow.get("b")) == ("A", "A", "B")
    assert calls == ["a", "b"]


def test_the_timeout_is_one_for_both(backend, own_registry):
    figure, _ = counted(timeout=77, variants=(1, 2))
    (one, two) = next(iter(own_registry)).entries()
    assert next(iter(own_registry)).timeout == 77
    assert [one.key, two.key] == [figure.key(1), figure.key(2)]


def test_forget_and_refresh(backend):
    figure, calls = counted(timeout=60)
    figure()
    figure.forget()
    figure()
    assert figure.refresh() == {"size": 1}
    assert calls == [1, 1, 1]


def test_a_timeout_of_zero_keeps_nothing_and_waits_for_nobody(backend, own_registry):
    figure, calls = counted(timeout=0)
    cache.add(f"{figure.key()}:lock", "somebody", 60)
    figure()
    figure()
    assert calls == [1, 1]
    assert warm(own_registry)[0][:2] == (Result.NOT_STORED, "timeout-0")


class Currency(enum.Enum):
    EUR = "eur"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        ("1", "'1"),
        (None, "None"),
        ("None", "'None"),
        (True, "True"),
        (1.5, "1.5"),
        ("a b:ü", "'a%20b%3A%C3%BC"),
        (decimal.Decimal("1.50"), "1.50"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Currency.EUR, "'eur"),
        ((1, "b"), "(1,'b)"),
        (User(pk=5), "auth.user.5"),
    ],
)
def test_arguments_become_keys_that_every_backend_takes(value, text):
    figure, _ = counted()
    assert figure.key(value) == figure.key(size=value) == f"figure:size={text}"


def test_long_arguments_are_digested_and_stay_different():
    figure, _ = counted()
    one, two = figure.key("x" * 500), figure.key("x" * 499)
    assert one != two
    assert len(one) < 60


def test_an_argument_without_a_lasting_text_is_refused():
    figure, _ = counted()
    with pytest.raises(TypeError, match=r"object cannot be part of a cache key; give cached\(\) a key="):
        figure.key(object())


def test_an_instance_without_a_primary_key_is_refused():
    figure, calls = counted()
    with pytest.raises(TypeError, match=r"an unsaved auth\.user has no primary key"):
        figure(User())
    with pytest.raises(TypeError, match="save it first"):
        figure([User(pk=1), User()])
    assert calls == []


@pytest.mark.parametrize("key", ["size.{size}", lambda size: f"size.{size}"])
def test_the_key_of_other_code_can_be_given(key):
    figure, _ = counted(key=key)
    assert (figure.key(), figure.key(size=3)) == ("size.1", "size.3")


def test_languages_have_values_of_their_own(backend, own_registry):
    @cached("greeting", timeout=60, per_language=True)
    def greeting():
        return translation.get_language()

    assert warm(own_registry) == [(Result.STORED, "", "")] * 2
    with translation.override("de"):
        assert cache.get("greeting:de") == greeting() == "de"
    with translation.override("en"):
        assert cache.get("greeting:en") == greeting() == "en"


def test_what_needs_arguments_is_warmed_only_where_they_are_declared(own_registry):
    @cached("by-customer")
    def by_customer(customer):
        return customer

    @cached("none-at-all", variants=())
    def none_at_all():
        return 1

    assert [warmer.name for warmer in own_registry] == ["none-at-all"]
    assert warm(own_registry) == []


def test_thousands_are_computed_together(own_registry):
    asked = []

    def squares(numbers):
        asked.append(numbers)
        return {number: (number**2, translation.get_language()) for number in numbers if number != 3}

    @cached("square", timeout=60, variants=[0, 1, 2, (3,), (4,)], many=squares, per_language=True)
    def square(number):
        raise AssertionError("asked one by one")

    (warmer,) = own_registry
    values = warmer.compute_many(list(warmer.entries()))
    assert asked == [[0, 1, 2, 3, 4]] * 2
    assert values == {f"square:number={n}:{code}": (n**2, code) for n in (0, 1, 2, 4) for code in ("en", "de")}
    assert warmer.computes_in_bulk


def test_variants_may_be_made_late_and_a_wrong_one_is_named(backend, own_registry):
    _figure, calls = counted(timeout=60, variants=lambda: iter([1, {"sise": 2}, object(), 3]))
    outcomes = warm(own_registry)
    assert [outcome[:2] for outcome in outcomes] == [
        (Result.STORED, ""),
        (Result.FAILED, "bad-entry"),
        (Result.FAILED, "bad-entry"),
        (Result.STORED, ""),
    ]
    assert outcomes[1][2] == "variant {'sise': 2}: got an unexpected keyword argument 'sise'"
    assert calls == [1, 3]


@pytest.mark.parametrize(
    ("variants", "asked"),
    [
        (lambda: streamed(User.objects.all()), lambda user: user.pk),
        (User.objects.all, lambda user: user),
    ],
    ids=["primary keys", "instances"],
)
def test_the_two_ways_of_warming_for_each_row(backend, own_registry, variants, asked):
    users = [User.objects.create(username=name) for name in "ab"]
    figure, calls = counted(timeout=60, variants=variants)
    assert warm(own_registry) == [(Result.STORED, "", "")] * 2
    assert [figure(asked(user)) for user in users] == [{"size": asked(user)} for user in users]
    assert len(calls) == 2


def test_a_name_is_taken_once():
    counted("same")
    with pytest.raises(DuplicateWarmerError, match="same: is registered twice"):
        counted("same")


def test_what_others_depend_on_is_told_to_the_engine(own_registry):
    counted("total", depends_on=["parts"], priority=3, category="rows")
    (warmer,) = own_registry
    assert (warmer.depends_on, warmer.priority, warmer.category) == (["parts"], 3, "rows")


def test_the_function_keeps_its_name_and_can_be_tried_without_a_cache(backend):
    figure, calls = counted()
    assert (figure.__name__, figure.compute(4), async_to_sync(figure.acompute)(5)) == (
        "figure",
        {"size": 4},
        {"size": 5},
    )
    assert cache.get(figure.key(4)) is None
    assert calls == [4, 5]
