"""What warm requests write is counted or refused, whichever way it goes; visitors and exempt tables are left alone."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection, connections, transaction
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from django_hooks import guard
from url_manifests.errors import WriteRefusedError
from url_manifests.protocol import TICKET_HEADER, TRACE_HEADER
from url_manifests.traces import decode_trace

from .tickets import HOST, ticket, warm

INSERT = "INSERT INTO auth_group (name) VALUES (%s)"


def by_orm(request):
    Group.objects.create(name="orm")
    return HttpResponse("done")


def by_raw_sql(request):
    with connection.cursor() as cursor:
        cursor.execute("/* lazily */ " + INSERT, ["raw"])
    return HttpResponse("done")


def by_executemany(request):
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, [["many-1"], ["many-2"]])
    return HttpResponse("done")


def by_common_table(request):
    with connection.cursor() as cursor:
        cursor.execute("WITH n AS (SELECT 'cte') INSERT INTO auth_group (name) SELECT * FROM n")
    return HttpResponse("done")


def in_a_transaction(request):
    with transaction.atomic(), transaction.atomic():
        Group.objects.create(name="atomic")
    return HttpResponse("done")


def update_and_delete(request):
    Group.objects.filter(name="nobody").update(name="somebody")
    Group.objects.filter(name="nobody").delete()
    return HttpResponse("done")


async def asynchronous(request):
    await Group.objects.acreate(name="async")
    return HttpResponse("done")


def only_exempt(request):
    request.session["basket"] = 1
    request.session.save()
    cache.set("a", 1)
    return HttpResponse("done")


def only_reads(request):
    return HttpResponse(str(Group.objects.select_for_update().query) + str(Group.objects.count()))


WRITING = (by_orm, by_raw_sql, by_executemany, by_common_table, in_a_transaction, asynchronous)
VIEWS = (*WRITING, update_and_delete, only_exempt, only_reads)
urlpatterns = [path(f"{view.__name__}/", view) for view in VIEWS]


@pytest.fixture
def shop(site):
    site.ROOT_URLCONF = __name__
    return site


def refuse(site, *exempt):
    site.CACHE_WARMING = {**site.CACHE_WARMING, "WRITES": "refuse", "WRITES_EXEMPT": exempt}
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("view", WRITING, ids=lambda view: view.__name__)
def test_writes_are_counted_by_table_and_route(shop, view):
    answer = warm(f"/{view.__name__}/")
    assert answer.response.status_code == 200
    assert answer.trace.extra["writes"] == {"auth_group": 1}
    assert answer.trace.extra["route"] == f"{view.__name__}/"
    assert Group.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("view", WRITING, ids=lambda view: view.__name__)
def test_refused_writes_do_not_reach_the_database(shop, view):
    answer = warm(f"/{view.__name__}/", client=refuse(shop))
    assert (answer.response.status_code, answer.trace.reason) == (500, "write-refused")
    assert answer.trace.extra["refused"] == {"auth_group": 1}
    assert "writes" not in answer.trace.extra
    assert not Group.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_refusal_names_the_table_and_the_way_out(shop):
    shop.CACHE_WARMING = {**shop.CACHE_WARMING, "WRITES": "refuse"}
    with pytest.raises(WriteRefusedError, match=r"'auth_group'.*WRITES_EXEMPT"):
        warm("/by_orm/")


def test_an_exempt_table_may_be_written_to(shop):
    answer = warm("/by_orm/", client=refuse(shop, "auth_group"))
    assert (answer.response.status_code, answer.trace.extra.get("refused")) == (200, None)


def test_sessions_and_the_cache_table_are_exempt(shop):
    assert warm("/only_exempt/", client=refuse(shop)).response.status_code == 200
    assert warm("/only_exempt/").trace.extra.keys().isdisjoint({"writes", "refused"})


@pytest.mark.parametrize("target", ["/only_reads/", "/only_exempt/"])
def test_reading_is_no_writing(shop, target):
    assert "writes" not in warm(target).trace.extra


def test_updates_and_deletions_that_meet_no_row_are_writes_all_the_same(shop):
    assert warm("/update_and_delete/").trace.extra["writes"]["auth_group"] >= 1


def test_visitors_write_as_ever(shop):
    shop.CACHE_WARMING = {**shop.CACHE_WARMING, "WRITES": "refuse"}
    assert Client().get("/by_orm/", headers={"host": HOST}).status_code == 200
    assert Group.objects.count() == 1


def test_no_listener_stays_behind(shop):
    before = list(connection.execute_wrappers)
    warm("/by_orm/")
    warm("/by_raw_sql/", client=refuse(shop))
    assert connection.execute_wrappers == before
    assert guard._requests == 0


def test_a_second_alias_is_watched_too(shop):
    other = connections["default"].copy(alias="replica")
    watched = guard.WriteGuard(refuses=True, exempt=frozenset())
    guard.remember(other)
    with watched.watching(), pytest.raises(WriteRefusedError):
        other.execute_wrappers[0](lambda *a: None, "DELETE FROM a", (), False, {"connection": other})
    assert (watched.refused, other.execute_wrappers) == ({"a": 1}, [])


def test_a_live_thread_beside_a_warm_request_is_not_its_business(shop):
    watched = guard.WriteGuard(refuses=True, exempt=frozenset())
    written = []

    def live():
        live_connection = connections["default"].copy()
        guard.remember(live_connection)
        arguments = ("DELETE FROM a", (), False, {"connection": live_connection})
        live_connection.execute_wrappers[0](lambda *a: written.append(a[0]), *arguments)

    with watched.watching():
        thread = threading.Thread(target=live)
        thread.start()
        thread.join()
    assert (written, watched.refused) == (["DELETE FROM a"], {})


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_another_thread_opens_is_watched(shop, monkeypatch):
    opened = connections["default"].copy()
    monkeypatch.setattr(guard, "_connections", type(guard._connections)())

    async def go():
        watched = guard.WriteGuard(refuses=True, exempt=frozenset())
        with watched.watching(), pytest.raises(WriteRefusedError):
            await asyncio.to_thread(use)
        return watched.refused

    def use():
        guard.remember(opened)  # as connection_created tells it
        opened.execute_wrappers[0](lambda *a: None, "UPDATE a SET x=1", (), False, {"connection": opened})

    assert asyncio.run(go()) == {"a": 1}


def test_an_asynchronous_server_is_watched_too(shop):
    shop.ALLOWED_HOSTS = ["testserver"]

    async def go():
        return await AsyncClient().get(
            "/asynchronous/", headers={TICKET_HEADER: ticket("/asynchronous/", host="testserver")}
        )

    trace = decode_trace(async_to_sync(go)().headers[TRACE_HEADER])
    assert trace.extra["writes"] == {"auth_group": 1}


def test_many_tables_are_summed_up():
    watched = guard.WriteGuard(refuses=False, exempt=frozenset())
    for number in range(guard.MAX_TABLES + 5):
        watched.check(f"DELETE FROM t{number}")
    watched.check("DELETE FROM t0")
    assert (len(watched.writes), watched.writes[guard.REST], watched.writes["t0"]) == (guard.MAX_TABLES + 1, 5, 2)


def test_a_wrong_mode_makes_the_ticket_nobodys(shop):
    shop.CACHE_WARMING = {**shop.CACHE_WARMING, "WRITES": "maybe"}
    assert warm("/by_orm/").trace is None
