"""Rows that are warmed are read without a query, and a row that has changed is never given to anybody."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.checks import run_checks
from django.db import OperationalError, connection, transaction
from django.db.models import Value
from django.db.models.functions import Concat

from django_hooks.engine import Engine, RunOptions
from django_hooks.warmers import CachedRows, CacheEntry, RowsWarmer, cached_rows
from django_hooks.warmers.declared_rows import declared_rows
from django_hooks.warmers.registry import DuplicateWarmerError, project_warmers
from django_hooks.warmers.rows import load
from example.accounts.models import PriceList, Subscription
from tests.django_hooks.conftest import SHARED
from url_manifests.errors import ConfigurationError, UnknownNameError


@pytest.fixture(autouse=True)
def _own(own_registry):
    """What a test declares is gone after it."""


@pytest.fixture
def readers(backend):
    rows = [Subscription(email=f"reader{n}@mail.example", token=f"token {n}") for n in range(5)]
    return Subscription.objects.bulk_create(rows)


def declared(**options):
    return CachedRows(
        "readers", Subscription, **{"lookups": ["email", ["token", "is_active"]], "timeout": 60, **options}
    )


def write(warmer):
    """What a run does: store what is at hand or computed in bulk."""
    entries = list(warmer.entries())
    values = warmer.compute_many([entry for entry in entries if entry.source is not None])
    for entry in entries:
        cache.set(entry.key, entry.value if entry.source is None else values[entry.key], 60)
    return entries


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_what_was_warmed_is_read_without_a_query(backend, readers, own_registry, django_assert_num_queries):
    rows = declared()
    write(next(iter(own_registry)))
    asked = 8 if backend == "db" else 0  # The database cache's own.
    with django_assert_num_queries(asked):
        assert rows.get(readers[2].pk).email == "reader2@mail.example"
        assert rows.get(pk=str(readers[2].pk)) == readers[2]
        assert rows.get(email="reader3@mail.example").token == "token 3"
        assert rows.get(token="token 4", is_active=True) == readers[4]
        assert async_to_sync(rows.aget)(email="reader3@mail.example") == readers[3]


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_reader_stores_what_it_reads(backend, readers, django_assert_num_queries):
    rows = declared()
    for _ in range(2):
        assert rows.get(readers[0].pk).email == "reader0@mail.example"
        assert rows.get(email="reader1@mail.example").pk == readers[1].pk
        assert async_to_sync(rows.aget)(readers[2].pk).token == "token 2"
        assert async_to_sync(rows.aget)(email="reader3@mail.example").pk == readers[3].pk
        assert rows.get_many(row.pk for row in readers) == {row.pk: row for row in readers}
    Subscription.objects.update(token=Concat("token", Value("!")))
    assert {row.token for row in rows.get_many(row.pk for row in readers).values()} == {f"token {n}" for n in range(5)}


@pytest.mark.parametrize("backend", ["db", "redis", "memcached"], indirect=True)
def test_a_saved_row_is_read_anew_by_every_lookup(backend, readers):
    rows = declared()
    rows.get(email="reader0@mail.example")
    rows.get(readers[0].pk)
    readers[0].email = "moved@mail.example"
    readers[0].save()
    assert rows.get(readers[0].pk).email == "moved@mail.example"
    assert rows.get(email="moved@mail.example").pk == readers[0].pk
    with pytest.raises(Subscription.DoesNotExist):
        rows.get(email="reader0@mail.example")


def test_a_lookup_that_has_moved_to_another_row_follows_it(readers):
    rows = declared()
    assert rows.get(email="reader0@mail.example").pk == readers[0].pk
    readers[0].email = "moved@mail.example"
    readers[0].save()
    readers[1].email = "reader0@mail.example"
    readers[1].save()
    assert rows.get(email="reader0@mail.example").pk == readers[1].pk
    assert rows.get(email="reader0@mail.example").pk == readers[1].pk


def test_a_new_row_leaves_no_mark(backend):
    rows = declared()
    row = Subscription.objects.create(email="new@mail.example", token="new")
    assert cache.get(rows.pk_key(row.pk)) is None


def test_a_deleted_row_is_gone_by_every_lookup(readers):
    rows = declared()
    rows.get(email="reader0@mail.example")
    pk = readers[0].pk
    readers[0].delete()
    for lookup in ({"pk": pk}, {"email": "reader0@mail.example"}):
        with pytest.raises(Subscription.DoesNotExist):
            rows.get(**lookup)
        with pytest.raises(Subscription.DoesNotExist):
            async_to_sync(rows.aget)(**lookup)
    assert rows.get_many([pk]) == {}


def test_who_read_before_the_change_cannot_store_after_it(readers, own_registry):
    rows = declared()
    (warmer,) = own_registry
    entry = next(entry for entry in warmer.entries() if entry.source == readers[0].pk)
    old = warmer.compute_many([entry])[entry.key]
    readers[0].token = "new"
    readers[0].save()
    assert cache.add(entry.key, old, 60) is False
    outcomes = list(Engine(RunOptions()).run([made_warmer(CacheEntry(key=entry.key, value=old))]))
    assert [outcome.result for outcome in outcomes] == ["already_warm"]
    assert rows.get(readers[0].pk).token == "new"


def made_warmer(*entries):
    from django_hooks.warmers import Warmer

    return type("Made", (Warmer,), {"name": "made", "entries": lambda self: entries})()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_a_transaction_hides_the_old_row_until_it_has_ended(backend, monkeypatch):
    monkeypatch.setattr("django_hooks.warmers.row_cache.CHANGED_S", 60)
    rows = declared()
    row = Subscription.objects.create(email="a@mail.example", token="old")
    cache.delete(rows.pk_key(row.pk))
    with transaction.atomic():
        row.token = "new"
        row.save()
        cache.set(rows.pk_key(row.pk), Subscription(pk=row.pk, token="old"), 60)  # Another reader, outside of it.
    assert rows.get(row.pk).token == "new"


def test_only_and_select_related_are_respected(backend, django_assert_num_queries):
    group = Group.objects.create(name="trade")
    PriceList.objects.create(group=group, discount_percent=8)
    query = PriceList.objects.select_related("group").only("discount_percent", "group__name")
    rows = CachedRows("prices", query, lookups=["group"], timeout=60)
    rows.get(group=group)
    with django_assert_num_queries(2):  # The database cache's own two.
        found = rows.get(group=group.pk)
        assert (found.discount_percent, found.group.name) == (8, "trade")
    assert found.group.get_deferred_fields() == set()


def test_another_shape_has_other_keys(backend):
    keys = {
        rows.pk_key(1)
        for rows in (
            CachedRows("a", PriceList, is_registered=False),
            CachedRows("a", PriceList.objects.only("discount_percent"), is_registered=False),
            CachedRows("a", PriceList.objects.select_related("group"), is_registered=False),
            CachedRows("a", PriceList.objects.prefetch_related("group__user_set"), is_registered=False),
            CachedRows("a", User, is_registered=False),
        )
    }
    assert len(keys) == 5
    assert declared().pk_key(1) == declared(is_registered=False).pk_key("1")


def test_the_warmer_takes_the_rows_in_the_order_it_is_told(readers, own_registry):
    declared(warm=lambda rows: rows.order_by("-email")[:2], priority=5)
    (warmer,) = own_registry
    sources = [entry.source for entry in warmer.entries() if entry.source is not None]
    assert sources == [readers[4].pk, readers[3].pk]
    assert warmer.compute_many([CacheEntry(key="k", source=sources[0])]) == {"k": readers[4]}
    assert (warmer.name, warmer.category, warmer.priority, warmer.timeout) == ("readers", "rows", 5, 60)


def test_null_names_no_row(backend, own_registry):
    User.objects.create(username="never signed in")
    CachedRows("users", User, lookups=["last_login"])
    (warmer,) = own_registry
    assert len(list(warmer.entries())) == 1


def test_a_batch_is_one_query_and_the_list_another(readers, own_registry, django_assert_num_queries):
    declared()
    (warmer,) = own_registry
    with django_assert_num_queries(1):
        entries = list(warmer.entries())
    assert len(entries) == 15
    with django_assert_num_queries(1):
        assert len(warmer.compute_many([entry for entry in entries if entry.source is not None])) == 5


class Tokens(RowsWarmer):
    name = "tokens"
    key_fields = ("email",)

    def queryset(self):
        return Subscription.objects.only("email", "token").order_by("email")[:3]

    def key(self, email):
        return f"token:{email}"

    def value(self, row):
        if row.token == "token 1":
            raise ValueError("a token that nobody can read")
        return row.token


def test_keys_and_values_may_be_the_projects_own(readers):
    warmer = Tokens()
    entries = list(warmer.entries())
    assert [entry.key for entry in entries] == [f"token:reader{n}@mail.example" for n in range(3)]
    values = warmer.compute_many(entries)
    assert values["token:reader0@mail.example"] == "token 0"
    assert isinstance(values["token:reader1@mail.example"], ValueError)
    readers[2].delete()
    assert "token:reader2@mail.example" not in warmer.compute_many(entries)


def test_a_row_that_its_fields_cannot_read_costs_only_itself(readers):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE broken AS SELECT * FROM accounts_subscription")
    good, bad = readers[0].pk, readers[1].pk

    class Choosy(type(Subscription._meta.get_field("token"))):
        def from_db_value(self, value, expression, connection):
            if value == "token 1":
                raise ValueError("not a token")
            return value

    field = Subscription._meta.get_field("token")
    before = field.__class__
    field.__class__ = Choosy
    del field.__dict__["cached_col"]
    try:
        found = load(Subscription.objects.all(), [good, bad])
    finally:
        field.__class__ = before
    assert found[good] == readers[0]
    assert str(found[bad]) == "not a token"


def test_a_database_that_is_gone_is_no_rows_fault(readers, monkeypatch):
    def gone(*args, **kwargs):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("django.db.models.query.QuerySet.in_bulk", gone)
    with pytest.raises(OperationalError):
        load(Subscription.objects.all(), [1, 2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lookups": ["emial"]}, "has no field named 'emial'"),
        ({"lookups": ["groups"], "rows": User}, "'groups' is no column"),
        ({"lookups": ["token"], "rows": Subscription.objects.only("email")}, "'token' is deferred"),
        ({"lookups": ["token"], "rows": Subscription.objects.defer("token")}, "'token' is deferred"),
    ],
)
def test_a_lookup_that_cannot_work_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        CachedRows("r", options.get("rows", Subscription), lookups=options["lookups"])


def test_what_is_not_declared_is_not_asked(backend):
    with pytest.raises(ConfigurationError, match=r"has no lookup by name; it has pk, email, token\+is_active"):
        declared().get(name="x")
    with pytest.raises(ConfigurationError, match="sliced"):
        CachedRows("sliced", Subscription.objects.all()[:5])
    with pytest.raises(DuplicateWarmerError):
        declared()


ROWS = {
    "model": "accounts.Subscription",
    "lookups": ["email"],
    "timeout": 60,
    "filter": {"is_active": True},
    "order_by": ["-email"],
    "limit": 2,
}


def test_settings_declare_rows(readers, settings, django_assert_num_queries):
    settings.CACHE_WARMING = {"ROWS": [ROWS]}
    (warmer,) = declared_rows()
    write(warmer)
    rows = cached_rows("accounts.subscription")
    assert "accounts.subscription" in {warmer.name for warmer in project_warmers()}
    with django_assert_num_queries(2):  # The database cache's own two.
        assert rows.get(email="reader4@mail.example") == readers[4]
    assert cached_rows("accounts.Subscription") is rows
    with pytest.raises(UnknownNameError, match=r"did you mean 'accounts\.subscription'"):
        cached_rows("accounts.subscripton")


def test_declared_rows_forget_what_is_saved(readers, settings):
    settings.CACHE_WARMING = {"ROWS": [ROWS]}
    rows = cached_rows("accounts.subscription")
    rows.get(readers[0].pk)
    readers[0].token = "new"
    readers[0].save()
    assert rows.get(readers[0].pk).token == "new"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "accounts.Nothing"}, "model: App 'accounts' doesn't have a 'Nothing' model"),
        ({"model": "Subscription"}, "model: "),
        ({"lookup": ["email"]}, "'lookup' is unknown; did you mean 'lookups'"),
        ({"lookups": ["emial"]}, "has no field named 'emial'"),
        ({"only": ["emial"], "lookups": []}, "emial"),
        ({"select_related": ["emial"]}, "emial"),
        ({"filter": {"emial": 1}}, "emial"),
        ({"order_by": ["emial"]}, "emial"),
        ({"timeout": "60"}, "'timeout' cannot be str"),
        ({"timeout": True}, "'timeout' cannot be bool"),
        ({"timeout": -4}, "timeout must be None or seconds from 0, is -4"),
        ({"alias": "defualt"}, "did you mean 'default'"),
        ({"limit": -1}, "'limit' must be a whole number above 0, is -1"),
        ({"limit": 0}, "'limit' must be a whole number above 0, is 0"),
        ({"lookups": [5]}, "lookups must be names"),
        ({"lookups": [[]]}, "lookups must be names"),
        ({"lookups": [[5]]}, "has no field named '5'"),
        ({"only": [5]}, "'only' must hold names"),
        ({"select_related": [5]}, "'select_related' must hold names"),
        ({"order_by": [5]}, "5"),
        ({"filter": {5: 1}}, "keywords must be strings"),
        ({"name": ""}, "'name' must not be empty"),
    ],
)
def test_a_wrong_declaration_is_named_by_an_error_and_by_a_check(settings, changed, words):
    settings.CACHE_WARMING = {"ROWS": [{**ROWS, **changed}]}
    with pytest.raises(ConfigurationError, match=words):
        list(declared_rows())
    (message,) = [message for message in run_checks(tags=["caches"]) if message.id == "cache_warming.E009"]
    assert "CACHE_WARMING['ROWS']" in message.msg or "accounts.subscription" in message.msg


@pytest.mark.parametrize("backend", ["redis"], indirect=True)  # A database cache would be rolled back with it.
@pytest.mark.parametrize("change", ["save", "create"])
@pytest.mark.parametrize("read", ["get", "aget", "get_many", "by lookup"])
def test_what_a_transaction_has_saved_itself_is_not_kept_when_it_is_rolled_back(backend, own_registry, change, read):
    rows = declared()
    row = Subscription.objects.create(email="a@mail.example", token="old")
    rows.cache.clear()

    def change_and_read():
        if change == "create":
            changed = Subscription.objects.create(email="b@mail.example", token="new")
        else:
            changed = Subscription.objects.get(pk=row.pk)
            changed.token = "new"
            changed.save()
        rows.cache.clear()  # As after `CHANGED_S`: the marks are gone.
        pk, email = changed.pk, changed.email
        readers = {
            "get": lambda: rows.get(pk),
            "aget": lambda: async_to_sync(rows.aget)(pk),
            "get_many": lambda: rows.get_many([pk])[pk],
            "by lookup": lambda: rows.get(email=email),
        }
        assert readers[read]().token == "new"
        return pk

    with transaction.atomic():
        pk = change_and_read()
        transaction.set_rollback(True)
    if change == "save":
        assert rows.get(pk).token == "old"
    else:
        with pytest.raises(Subscription.DoesNotExist):
            rows.get(pk)
