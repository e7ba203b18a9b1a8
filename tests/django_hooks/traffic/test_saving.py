"""The table that everybody adds to, and what happens when it cannot be had."""

from __future__ import annotations

import threading

from django.contrib import admin
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.test import RequestFactory

from django_hooks.models import ObservedExclusion, ObservedTraffic
from django_hooks.traffic import storage

from .conftest import HOST, NOW_S

HOUR = int(NOW_S // 3600)


def row(name: str, hour: int = HOUR, hits: int = 1) -> ObservedTraffic:
    return ObservedTraffic(digest=f"{hour}-{name}", hour=hour, host=HOST, url=f"/{name}/", cold_hits=hits, cold_ms=2.5)


def hits() -> dict[str, int]:
    return {found.url: found.hits for found in ObservedTraffic.objects.all()}


def test_sums_are_added_and_never_replaced(db):
    storage.add([row("a"), row("b")])
    storage.add([row("b", hits=5), row("c")])
    assert hits() == {"/a/": 1, "/b/": 6, "/c/": 1}
    assert ObservedTraffic.objects.get(url="/b/").cold_ms == 5.0


def add_at_once(workers: int, times: int) -> list[BaseException]:
    """Each worker adds the same rows, in an order of its own."""
    failures: list[BaseException] = []
    start = threading.Barrier(workers)

    def work(number: int) -> None:
        try:
            start.wait()
            for _ in range(times):
                names = [f"p{(n * 7 + number * 13) % 40}" for n in range(40)]
                storage.add([row(name) for name in names])
        except Exception as error:  # noqa: BLE001 - for the test's own thread to show
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_nothing_is_lost_and_nobody_deadlocks_on_postgresql(postgres_server, django_db_blocker):
    settings = {
        **connections[DEFAULT_DB_ALIAS].settings_dict,
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": postgres_server.host,
        "PORT": str(postgres_server.port),
        "OPTIONS": {},
    }
    before = connections.settings[DEFAULT_DB_ALIAS]
    held = connections[DEFAULT_DB_ALIAS]
    with django_db_blocker.unblock():
        connections.settings[DEFAULT_DB_ALIAS] = settings
        del connections[DEFAULT_DB_ALIAS]
        try:
            with connections[DEFAULT_DB_ALIAS].schema_editor() as editor:
                editor.create_model(ObservedTraffic)
            assert add_at_once(workers=6, times=10) == []
            assert hits() == {f"/p{n}/": 60 for n in range(40)}
        finally:
            with connections[DEFAULT_DB_ALIAS].schema_editor() as editor:
                editor.delete_model(ObservedTraffic)
            connections[DEFAULT_DB_ALIAS].close()
            connections.settings[DEFAULT_DB_ALIAS] = before
            connections[DEFAULT_DB_ALIAS] = held


def test_a_database_that_refuses_costs_nothing_but_time(counting, visit, saved, monkeypatch, caplog):
    visit("/plain/")
    with monkeypatch.context() as refusing:
        refusing.setattr(storage, "add", lambda rows: (_ for _ in ()).throw(DatabaseError("no room")))
        counting._save()
        counting._save()
    assert counting.failures == 2
    assert caplog.messages == [
        "cache_warming.traffic_save_failed failures=1",
        "cache_warming.traffic_save_failed failures=2",
    ]
    visit("/plain/")
    assert saved()[0]["/plain/"].cold_hits == 2


def test_a_save_that_fails_in_the_middle_goes_on_with_the_rest(counting, visit, saved, monkeypatch):
    for number in range(450):
        visit(f"/p/{number}/")
    add, calls = storage.add, []

    def second_fails(rows):
        calls.append(len(rows))
        if len(calls) == 2:
            raise DatabaseError("gone away")
        add(rows)

    monkeypatch.setattr(storage, "add", second_fails)
    counting._save()
    assert len(hits()) == 200
    rows, _ = saved()
    assert {row.hits for row in rows.values()} == {1}
    assert len(rows) == 450


def test_what_could_not_be_saved_lands_in_its_own_hour(counting, visit, saved):
    visit("/plain/")
    counting.fold.take(counting.notes, NOW_S - 7200)
    visit("/plain/")
    saved()
    assert list(ObservedTraffic.objects.order_by("hour").values_list("hour", "cold_hits")) == [(HOUR - 2, 1), (HOUR, 1)]


def test_notes_beyond_the_limit_are_counted_as_lost(counting, visit, saved, monkeypatch):
    monkeypatch.setattr("django_hooks.traffic.recorder.MAX_PENDING", 10)
    monkeypatch.setattr("django_hooks.traffic.counting.FOLD_AT", 5)
    for _ in range(25):
        visit("/plain/")
    rows, excluded = saved()
    assert rows["/plain/"].hits + excluded["lost"] == 25
    assert rows["/plain/"].hits == 10


def test_rare_urls_beyond_the_workers_memory_are_counted(shop, visit, saved):
    shop.CACHE_WARMING = {**shop.CACHE_WARMING, "TRAFFIC_MAX_URLS": 100}
    for _ in range(5):
        visit("/plain/")
    for number in range(150):
        visit(f"/p/{number}/")
    rows, excluded = saved()
    assert rows["/plain/"].hits == 5
    assert sum(row.hits for row in rows.values()) + excluded["rare"] == 155


def test_an_hour_has_a_bounded_number_of_rows(db):
    storage.add([row(f"light{n}") for n in range(130)])
    storage.add([row("heavy", hits=9)])
    assert storage.trim(HOUR, 100) == 31
    assert len(hits()) == 100
    assert hits()["/heavy/"] == 9
    assert storage.trim(HOUR, 100) == 0


def test_old_hours_are_deleted(counting, visit, saved):
    storage.add([row("old", HOUR - 14 * 24 - 1), row("kept", HOUR - 14 * 24 + 1)])
    visit("/plain/")
    assert set(saved()[0]) == {"/kept/", "/plain/"}


def test_the_thread_saves_outside_of_the_callers_transaction(counting, visit, monkeypatch):
    """The flush that a server's shutdown hook asks for: done by the thread, on a connection of its own."""
    threads = []
    monkeypatch.setattr(storage, "add", lambda rows: threads.append((threading.current_thread().name, len(rows))))
    monkeypatch.setattr(storage, "trim", lambda hour, max_rows: 0)
    monkeypatch.setattr(storage, "prune", lambda before: 0)
    visit("/plain/")
    counting.is_idle = True
    assert counting.flush()
    counting.stop()
    assert threads == [("cache-warming-traffic", 1)]


def test_a_forked_child_starts_afresh(counting, visit):
    visit("/plain/")
    counting._start_afresh()
    assert (list(counting.notes.queue), counting.is_idle, len(counting.fold.sketch.costs)) == ([], True, 0)


def test_routers_decide_where_it_is_written(counting, settings):
    settings.DATABASE_ROUTERS = [type("Router", (), {"db_for_write": lambda self, model, **hints: "elsewhere"})()]
    assert storage._rows(ObservedTraffic).db == "elsewhere"


def test_the_admin_shows_and_changes_nothing(db, admin_client, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    storage.add([row("a", hits=3)])
    storage.add([ObservedExclusion(digest="x", hour=HOUR, rule="bot", hits=2)])
    listed = admin_client.get("/admin/cache_warming/observedtraffic/").content.decode()
    assert "/a/" in listed
    assert "0.8" in listed  # 2.5 ms over three requests
    assert "bot" in admin_client.get("/admin/cache_warming/observedexclusion/").content.decode()
    for model in (ObservedTraffic, ObservedExclusion):
        request = RequestFactory().get("/")
        assert not admin.site._registry[model].has_change_permission(request)
        assert admin_client.post(f"/admin/cache_warming/{model._meta.model_name}/add/").status_code == 403
