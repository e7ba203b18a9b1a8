"""What the built-in warmers list in bulk is, key by key, what they list as entries."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache

from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import CachedRows, RowsWarmer, cached, streamed
from django_hooks.warmers.key_batches import has_key_batches
from django_hooks.warmers.permissions import permission_warmers
from django_hooks.warmers.rows import warmer_of
from django_hooks.warmers.sessions import SessionsWarmer
from example.accounts.models import Profile, Subscription
from example.orders.models import PostalArea
from tests.django_hooks.permissions.conftest import PATH, permission
from url_manifests.outcomes import Result

from .test_sessions import OWN, make

pytestmark = pytest.mark.usefixtures("own_registry", "backend")


def agree(warmer):
    """All keys, after each batch was held against its own entries, and all together against `entries`."""
    keys, bulk = [], 0
    assert has_key_batches(warmer)
    for batch in warmer.key_batches():
        entries = list(batch.make())
        keys += [entry.key for entry in entries]
        if batch.keys is None:
            continue
        bulk += len(entries)
        assert [entry.key for entry in entries] == list(batch.keys)
        for entry in entries:
            assert (entry.version, entry.weight, entry.problem) == (batch.version, batch.weight, "")
            assert (entry.alias or warmer.alias) == (batch.alias or warmer.alias)
            if isinstance(entry.timeout, int):
                assert entry.timeout >= batch.timeout - 2
    assert keys == [entry.key for entry in warmer.entries()]
    return keys, bulk


def warm_twice(warmer):
    """Results of two runs, and how many entries the second one made."""
    first = [outcome.result for outcome in Engine(RunOptions()).run([warmer])]
    batches = list(Engine(RunOptions()).batches([warmer]))
    planned = sum(hasattr(entry, "entry") for batch in batches for entry in batch.entries)
    second = [outcome.result for batch in batches for outcome in batch.outcomes()]
    return set(first), set(second), planned


PROVEN = ({Result.STORED}, {Result.ALREADY_WARM}, 0)


def test_rows_by_numbers_words_and_anything_else(backend):
    people = User.objects.bulk_create(User(username=f"u{n}") for n in range(7))
    Profile.objects.bulk_create(Profile(user=user) for user in people)
    PostalArea.objects.bulk_create(
        PostalArea(country=country, code=code, days=1)
        for country, code in [("DE", "10115"), ("GB", "SW1A 1AA"), ("AT", "1010"), ("FR", "é/1"), ("CH", "x" * 9)]
    )
    profiles = CachedRows("p", Profile, lookups=["user"], timeout=60)
    areas = CachedRows("a", PostalArea, lookups=[["country", "code"]], timeout=60)
    plain = CachedRows("q", PostalArea.objects.filter(code="10115"), lookups=[["country", "code"], "code"], timeout=60)
    for rows, count in ((profiles, 14), (areas, 10), (plain, 3)):
        keys, bulk = agree(warmer_of(rows))
        assert len(keys) == bulk == count
        assert warm_twice(warmer_of(rows)) == PROVEN
    assert profiles.pk_key(str(people[0].profile.pk)) == profiles.pk_keys([people[0].profile.pk])[0]
    area = PostalArea.objects.get(country="FR")
    assert cache.get(areas.key(areas.lookups[0], ["FR", "é/1"])) == area.pk


def test_a_row_whose_lookup_is_null_has_fewer_keys(backend):
    User.objects.bulk_create(User(username=f"u{n}", last_login=None) for n in range(3))
    keys, bulk = agree(warmer_of(CachedRows("u", User, lookups=["username", "last_login"], timeout=60)))
    assert (len(keys), bulk) == (6, 0)


def test_rows_under_a_projects_own_keys(backend):
    Subscription.objects.bulk_create(Subscription(email=f"r{n}@mail.example", token=str(n)) for n in range(5))

    class Own(RowsWarmer):
        name, timeout, key_fields = "own", 60, ("email", "token")

        def queryset(self):
            return Subscription.objects.order_by("-pk")

        def key(self, email, token):
            return f"subscription:{email}:{token}"

        def value(self, row):
            return row.email

    assert agree(Own()) == ([f"subscription:r{n}@mail.example:{n}" for n in reversed(range(5))], 5)
    assert warm_twice(Own()) == PROVEN

    class Broken(Own):
        def key(self, email, token):
            return f"{10 // (int(token) - 2)}:{email}"

    outcomes = [outcome.result for outcome in Engine(RunOptions()).run([Broken()])]
    assert outcomes == [Result.STORED, Result.STORED, Result.FAILED]  # As far as it comes.


@pytest.mark.parametrize("engine", ["django.contrib.sessions.backends.cached_db", OWN])
def test_sessions(backend, settings, engine):
    settings.SESSION_ENGINE = engine
    for number in range(4):
        make(expires_in_s=1000 + number, number=number)
    keys, bulk = agree(SessionsWarmer())
    assert len(set(keys)) == bulk == 4
    assert warm_twice(SessionsWarmer()) == PROVEN
    Session.objects.filter(pk=Session.objects.first().pk).update(session_key="short")
    (batch,) = SessionsWarmer().key_batches()
    assert (batch.keys, sum(bool(entry.problem) for entry in batch.make())) == (None, 1)


@pytest.mark.parametrize("backend", ["db", "django-redis", "redis", "memcached", "file"], indirect=True)
def test_permissions(backend, settings, transactional_db):
    settings.AUTHENTICATION_BACKENDS = [PATH]
    people = User.objects.bulk_create(User(username=f"u{n}") for n in range(9))
    (warmer,) = permission_warmers()
    keys, bulk = agree(warmer)
    assert len(keys) == bulk == 10
    assert warm_twice(warmer) == PROVEN
    people[3].user_permissions.add(permission("dashboard.view_metrics"))
    results = [outcome.result for outcome in Engine(RunOptions()).run([warmer])]
    assert (results.count(Result.STORED), results.count(Result.ALREADY_WARM)) == (1, 9)
    cache.set(keys[5], {"tokens": [], "user": "x"}, 600)
    assert [outcome.result for outcome in Engine(RunOptions()).run([warmer])].count(Result.STORED) == 1


@pytest.mark.parametrize("backend", ["django-redis"], indirect=True)
def test_permissions_that_are_compressed(backend, settings, transactional_db):
    zlib = {"OPTIONS": {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"}}
    settings.CACHES = {"default": {**settings.CACHES["default"], **zlib}}
    settings.AUTHENTICATION_BACKENDS = [PATH]
    people = User.objects.bulk_create(User(username=f"u{n}") for n in range(9))
    (warmer,) = permission_warmers()
    assert warm_twice(warmer) == PROVEN
    people[3].user_permissions.add(permission("dashboard.view_metrics"))
    results = [outcome.result for outcome in Engine(RunOptions()).run([warmer])]
    assert (results.count(Result.STORED), results.count(Result.ALREADY_WARM)) == (1, 9)


IDS = [uuid.UUID(int=n) for n in range(3)]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({"variants": [1, 2, "x y"], "key": "own:{number}"}, ["own:1", "own:2", "own:x y"]),
        ({"variants": [1, 2], "key": lambda number: f"f{number}"}, ["f1", "f2"]),
        ({"variants": [1, 2]}, ["n:number=1", "n:number=2"]),
        ({"variants": [(1,), {"number": 2}, 3], "key": "own:{number}"}, ["own:1", "own:2", "own:3"]),
        ({"variants": IDS, "key": "own:{number.hex}"}, [f"own:{each.hex}" for each in IDS]),
        ({"variants": [1, 2], "key": "own:{number}", "version": 4}, ["own:1", "own:2"]),
        (
            {"variants": [1, 2], "key": "own:{number}", "per_language": True},
            ["own:1:en", "own:1:de", "own:2:en", "own:2:de"],
        ),
    ],
)
def test_functions(backend, own_registry, options, keys):
    @cached("n", timeout=60, many=lambda numbers: dict.fromkeys(numbers, "value"), **options)
    def function(number):
        return "value"

    (warmer,) = own_registry
    found, bulk = agree(warmer)
    assert (found, bulk) == (keys, len(keys))
    if options["variants"] == [1, 2]:
        assert warm_twice(warmer) == PROVEN


def test_a_function_with_one_wrong_variant_and_one_without_arguments(backend, own_registry):
    @cached("wrong", timeout=60, variants=[1, object(), 3])
    def wrong(number):
        return number

    @cached("none", timeout=60)
    def none():
        return 1

    none_warmer, wrong_warmer = own_registry
    assert agree(none_warmer) == (["none"], 1)
    (batch,) = wrong_warmer.key_batches()
    assert batch.keys is None
    assert [bool(entry.problem) for entry in batch.make()] == [False, True, False]


def test_variants_that_are_streamed(backend, own_registry):
    User.objects.bulk_create(User(username=f"u{n}") for n in range(5))

    @cached(
        "by.user",
        timeout=60,
        variants=lambda: (pk for (pk,) in streamed(User.objects.order_by("-pk"))),
        many=lambda pks: dict.fromkeys(pks, "x"),
        key="user:{pk}",
    )
    def by_user(pk):
        return "x"

    (warmer,) = own_registry
    assert agree(warmer)[1] == 5
    assert warm_twice(warmer) == PROVEN
