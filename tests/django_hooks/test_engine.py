"""Writing is proven by reading, what lives is left alone, and what is wrong is named and stops nobody else."""

from __future__ import annotations

import dataclasses
import itertools
import sys

import pytest
from django.core.cache import cache, caches
from django.test import override_settings

from django_hooks.backends.database import DatabaseStore
from django_hooks.backends.sameness import is_same
from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import CacheEntry, Warmer
from url_manifests.outcomes import KeyState, Result
from url_manifests.traces import KeyKind

from .conftest import SHARED

pytestmark = pytest.mark.usefixtures("backend")


def made(entries, **attributes):
    declared = {"name": "w", "timeout": 60, **attributes, "entries": lambda self: iter(entries)}
    return type("Made", (Warmer,), declared)()


def entry(key="k", **fields):
    return CacheEntry(key=key, **({"value": 1} | fields if "compute" not in fields else fields))


def run(*warmers, clock=None, **options):
    extra = {"clock": clock} if clock else {}
    return list(Engine(RunOptions(**options), **extra).run(warmers))


def told(outcomes):
    return [(outcome.url, outcome.result, outcome.reason) for outcome in outcomes]


def results(outcomes):
    return [outcome.result for outcome in outcomes]


def refuse():
    raise ArithmeticError("of no use")


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_missing_keys_are_written_and_live_keys_left_alone(backend):
    cache.set("live", "old", 60)
    computed = []
    entries = [
        entry("live", compute=lambda: computed.append("live")),
        entry("new", compute=lambda: computed.append("new") or "made"),
        entry("plain", value={"a": [1, 2.5, None]}),
        entry("nothing", value=None),
    ]
    assert told(run(made(entries))) == [
        ("w:live", Result.ALREADY_WARM, ""),
        *((f"w:{key}", Result.STORED, "") for key in ("new", "plain", "nothing")),
    ]
    assert computed == ["new"]
    assert cache.get_many(["live", "new", "plain"]) == {"live": "old", "new": "made", "plain": {"a": [1, 2.5, None]}}
    assert results(run(made(entries))) == [Result.ALREADY_WARM] * 4
    assert computed == ["new"]


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_refresh_writes_live_keys_too(backend):
    cache.set("k", "old", 60)
    assert results(run(made([entry("k", value="new")]), refresh=True)) == [Result.STORED]
    assert cache.get("k") == "new"


@pytest.mark.parametrize("backend", ["django-redis"], indirect=True)
def test_timeouts_are_the_applications(backend):
    entries = [entry("own", timeout=30), entry("warmers"), entry("forever", timeout=None), entry("zero", timeout=0)]
    assert told(run(made(entries)))[-1] == ("w:zero", Result.NOT_STORED, "timeout-0")
    assert [cache.ttl(key) for key in ("own", "warmers", "forever", "zero")] == [30, 60, None, 0]
    run(made([entry("default")], timeout=made([]).__class__.__mro__[1].timeout))
    assert cache.ttl("default") == cache.default_timeout


def test_versions_and_aliases_are_the_entrys(settings, configure):
    settings.CACHES = {**settings.CACHES, "other": {**configure("db"), "KEY_PREFIX": "other"}}
    outcomes = run(made([entry("k", version=7), entry("k", alias="other", value=2)]))
    assert [cache.get("k", version=7), caches["other"].get("k"), cache.get("k")] == [1, 2, None]
    assert outcomes[0].keys == (KeyState(alias="default", key="k", version=7, kind=KeyKind.PART, result=Result.STORED),)


@pytest.mark.parametrize("backend", ["locmem", "dummy"], indirect=True)
def test_a_store_that_nobody_else_sees_is_not_worth_computing(backend):
    assert told(run(made([entry(compute=refuse)]))) == [("w:k", Result.UNVERIFIABLE, "private-store")]


@pytest.mark.parametrize(
    ("wrong", "reason", "words"),
    [
        ("k", "bad-entry", "yielded str instead of CacheEntry"),
        (entry(key=""), "bad-entry", "must be text and not empty"),
        (entry(key=7), "bad-entry", "must be text and not empty, is 7"),
        (entry(value=1, timeout="60"), "bad-entry", "timeout must be None or seconds from 0"),
        (entry(timeout=-1), "bad-entry", "timeout must be None or seconds from 0"),
        (entry(timeout=float("nan")), "bad-entry", "timeout must be None or seconds from 0"),
        (CacheEntry(key="k"), "bad-entry", "needs either a value or a compute"),
        (CacheEntry(key="k", value=1, compute=refuse), "bad-entry", "needs either a value or a compute"),
        (CacheEntry(key="k", compute=7), "bad-entry", "compute must be callable, is int"),
        (entry(alias="nowhere"), "bad-entry", "no cache has the alias 'nowhere'"),
        (CacheEntry(key="k", problem="lacks x"), "bad-entry", "lacks x"),
        (CacheEntry(key="k", compute=refuse), "compute-failed", "ArithmeticError: of no use"),
        (entry(value=lambda: None), "unpicklable", "pickle"),
    ],
)
def test_a_poisoned_entry_is_reported_and_the_others_go_on(wrong, reason, words):
    good = [entry("before"), wrong, entry("after")]
    outcomes = sorted(run(made(good)), key=lambda outcome: outcome.result)
    assert results(outcomes) == [Result.FAILED, Result.STORED, Result.STORED]
    assert (outcomes[0].reason, words in outcomes[0].detail) == (reason, True)


class WithoutReturn:
    """Is pickled without complaint, and cannot be made again."""

    def __reduce__(self):
        return (int, ("not a number",))


@pytest.mark.parametrize("backend", [*SHARED, "file"], indirect=True)
def test_what_readers_could_not_make_again_is_not_written(backend):
    outcomes = {o.url: (o.result, o.reason, o.detail) for o in run(made([entry(value=[WithoutReturn()]), entry("x")]))}
    result, reason, detail = outcomes["w:k"]
    assert (result, reason, "cannot be read again: " in detail) == (Result.FAILED, "unpicklable", True)
    assert outcomes["w:x"][0] is Result.STORED
    assert cache.get("k") is None


@pytest.mark.parametrize("backend", ["memcached"], indirect=True)
def test_memcacheds_limits_are_reported(backend):
    entries = [entry("k" * 300), entry("large", value="x" * 2_000_000), entry("good")]
    outcomes = {outcome.url[:7]: (outcome.result, outcome.reason) for outcome in run(made(entries))}
    assert outcomes == {
        "w:kkkkk": (Result.FAILED, "bad-entry"),
        "w:large": (Result.FAILED, "value-too-large"),
        "w:good": (Result.STORED, ""),
    }


def test_an_iterator_that_breaks_off_is_reported_after_what_it_gave():
    def entries():
        yield entry("first")
        raise LookupError("no such table")

    outcomes = run(made(entries()), made([entry("second")], name="next"))
    assert sorted(told(outcomes)) == [
        ("next:second", Result.STORED, ""),
        ("w:*", Result.FAILED, "compute-failed"),
        ("w:first", Result.STORED, ""),
    ]


def test_two_entries_of_one_key_are_warmed_once():
    computed = []
    twice = [entry(compute=lambda: computed.append(1) or 1) for _ in range(2)]
    assert results(run(made(twice))) == [Result.STORED, Result.STORED]
    assert computed == [1]


def test_a_key_that_a_visitor_fills_meanwhile_is_left_to_them():
    entries = [entry(compute=lambda: cache.set("k", "visitor's", 60) or "ours")]
    assert results(run(made(entries))) == [Result.ALREADY_WARM]
    assert cache.get("k") == "visitor's"


def meddle(monkeypatch, change):
    """Let somebody else at the store between each write and its read-back."""
    own = DatabaseStore.write

    def write(self, items, **options):
        problems = own(self, items, **options)
        change()
        return problems

    monkeypatch.setattr(DatabaseStore, "write", write)


def test_what_the_backend_does_not_have_afterwards_is_not_stored(monkeypatch):
    meddle(monkeypatch, lambda: cache.delete("lost"))
    assert told(run(made([entry("lost"), entry("kept")]))) == [
        ("w:lost", Result.NOT_STORED, "refused-by-backend"),
        ("w:kept", Result.STORED, ""),
    ]


class Prickly:
    """Cannot be compared, nor, if told so, be pickled."""

    def __init__(self, number, is_pickled=True):
        self.number, self.is_pickled = number, is_pickled

    def __eq__(self, other):
        raise ValueError("the truth of this is ambiguous")

    __hash__ = None

    def __reduce__(self):
        if not self.is_pickled:
            raise RuntimeError("no way")
        return Prickly, (self.number,)


@pytest.mark.parametrize(
    ("first", "second", "detail"),
    [
        ({"value": [1]}, {"value": [1]}, ""),
        ({"value": 1}, {"value": 2}, "another value"),
        ({"value": 1}, {"value": 1, "timeout": 5}, "another timeout"),
        ({"value": Prickly(1)}, {"value": Prickly(1)}, ""),
        ({"value": Prickly(1)}, {"value": Prickly(2)}, "another value"),
        ({"value": 1}, {"value": Prickly(2, is_pickled=False)}, "a value that cannot be compared with this one: "),
    ],
)
def test_a_key_that_is_yielded_twice_must_mean_the_same(first, second, detail):
    outcomes = run(made([entry(**first), entry(**second)]))
    said = [outcome.detail for outcome in outcomes if outcome.reason == "bad-entry"]
    assert bool(said) is bool(detail)
    assert all(text.startswith(f"this key was yielded before with {detail}") for text in said)


def test_another_value_under_the_key_is_said_to_be_different(monkeypatch):
    meddle(monkeypatch, lambda: cache.set("k", "another", 60))
    assert told(run(made([entry()]))) == [("w:k", Result.NOT_STORED, "different")]


@pytest.mark.parametrize("refresh", [False, True])
def test_a_dead_store_is_given_up_and_every_key_accounted_for(refresh):
    computed = []
    dead = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1"}}
    with override_settings(CACHES=dead):
        entries = [entry(str(number), compute=lambda: computed.append(1)) for number in range(250)]
        outcomes = run(made(entries), refresh=refresh, retries=0)
    assert computed == []
    assert {(outcome.result, outcome.reason) for outcome in outcomes} == {(Result.FAILED, "cache-down")}
    assert len(outcomes) == 250
    assert "not tried" in outcomes[-1].detail


class Clock:
    """Stands still until it is told to go on."""

    now = 0.0

    def __call__(self):
        return self.now

    def go_on(self, seconds):
        self.now += seconds
        return seconds


def test_the_most_valuable_goes_first_and_a_deadline_leaves_the_rest():
    clock = Clock()
    entries = [entry(str(number), compute=lambda: clock.go_on(1)) for number in range(10)]
    outcomes = run(made(entries), made([entry()], name="late"), clock=clock, deadline_s=4)
    assert results(outcomes[:4]) == [Result.STORED] * 4
    assert {(o.result, o.reason) for o in outcomes[4:]} == {(Result.SKIPPED, "deadline")}
    assert [outcomes[4].url, outcomes[-1].url, len(outcomes)] == ["w:4", "late:*", 11]


@pytest.mark.parametrize("pattern", ["", "no such key"])
def test_an_endless_iterator_ends_at_the_deadline(pattern):
    clock = Clock()

    def endless():
        for number in itertools.count():
            clock.go_on(1)
            yield entry(str(number))

    outcomes = run(made(endless()), clock=clock, deadline_s=300, key_pattern=pattern)
    assert len(outcomes) == (1 if pattern else 300)
    assert told(outcomes)[-1] == ("w:*", Result.SKIPPED, "deadline")


def test_a_pattern_chooses_keys():
    outcomes = run(made([entry("menu.en"), entry("menu.de"), entry("foot")]), key_pattern="menu.*")
    assert [outcome.url for outcome in outcomes] == ["w:menu.en", "w:menu.de"]


@dataclasses.dataclass(eq=False)
class Plain:
    """Equal to itself only, as most classes are."""

    text: str


class Row:
    """Equal by its number, as model instances are."""

    def __init__(self, number, text):
        self.number, self.text = number, text

    def __eq__(self, other):
        return NotImplemented

    __hash__ = None


class Ambiguous:
    """Has no truth value, as an array."""

    def __eq__(self, other):
        raise ValueError("ambiguous")

    __hash__ = None


@pytest.mark.parametrize(
    ("read", "written", "same"),
    [
        (Plain("a"), Plain("a"), True),
        (Plain("a"), Plain("b"), False),
        (Row(1, "a"), Row(1, "b"), False),
        ({"a": sys.intern("x" * 5)}, {"a": "xx" + "xxx"}, True),
        ([1, 2], (1, 2), False),
        (Ambiguous(), 1, False),
    ],
)
def test_sameness(read, written, same):
    assert is_same(read, written) is same
