"""What would go wrong in a run is said before it, with exit code 2; what is well is said too."""

from __future__ import annotations

import os
import signal
import threading
import time
from io import StringIO

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from django_hooks import preflight as module
from django_hooks.killswitch import stop_runs
from django_hooks.preflight import State, preflight
from tests import servers
from url_manifests.manifest import Entry, Header, write_manifest

from .conftest import SHARED
from .tickets import HOST


def found(what: str, manifest: str = "") -> list[tuple[State, str]]:
    return [(row.state, row.detail) for row in preflight(manifest) if row.what == what]


@pytest.fixture
def manifest(tmp_path):
    def write(*entries: Entry) -> str:
        path = tmp_path / "m.jsonl"
        profiles = {"chrome": {"User-Agent": "x"}, "safari": {"User-Agent": "y"}}
        write_manifest(path, Header(entries=len(entries), profiles=profiles), entries)
        return str(path)

    return write


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_site_that_is_well(site, backend):
    assert [row for row in preflight() if row.state is State.FAIL] == []
    ((state, detail),) = found("cache default")
    assert (state, "reads back" in detail) == (State.OK, True)
    assert found("kill switch") == [(State.OK, "is off")]
    assert found("database")[0][0] is State.OK


def test_warmers_that_would_not_run(own, settings):
    assert found("warmers") == [(State.OK, "2 found")]
    own.broken["shop.warmers"] = "ImportError: x"
    assert found("warmers") == [(State.FAIL, "shop.warmers is broken: ImportError: x")]
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "STRATEGIES": {"nightly": {"only": ["numbres"]}}}
    ((state, detail),) = found("warmers")
    assert (state, "numbres" in detail) == (State.FAIL, True)


def test_it_leaves_nothing_behind(site):
    list(preflight())
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM warming_test_cache")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("backend", "words"), [("locmem", "lives in one process"), ("dummy", "keeps nothing")], indirect=["backend"]
)
def test_a_cache_that_cannot_be_verified_is_a_warning(site, backend, words):
    ((state, detail),) = found("cache default")
    assert (state, words in detail) == (State.WARN, True)


def test_a_dead_cache_fails(site):
    dead = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    with override_settings(CACHES={**site.CACHES, "dead": dead}):
        ((state, detail),) = found("cache dead")
        assert (state, "ConnectionError" in detail) == (State.FAIL, True)
        assert found("room in dead") == []


def test_a_cache_that_hangs_fails_in_time(site, tmp_path, monkeypatch):
    """Memcached, stopped in its tracks; the client has no timeout and would wait for ever."""
    monkeypatch.setattr(module, "ANSWERS_WITHIN_S", 0.5)
    with servers.memcached(tmp_path) as server:
        backend = "django.core.cache.backends.memcached.PyMemcacheCache"
        hanging = {"BACKEND": backend, "LOCATION": f"{server.host}:{server.port}"}
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with override_settings(CACHES={**site.CACHES, "hanging": hanging}):
                started_s = time.monotonic()
                assert found("cache hanging") == [(State.FAIL, "no answer within 0.5 s")]
                assert time.monotonic() - started_s < 5
        finally:
            os.kill(server.pid, signal.SIGCONT)
        for thread in threading.enumerate():
            if thread.name == "cache-warming-preflight":
                thread.join(10)


def test_the_checks_are_part_of_it(site):
    site.SESSION_SAVE_EVERY_REQUEST = True
    site.CACHE_WARMING = {**site.CACHE_WARMING, "RELEASE": "v7", "ADMISSION": {"lood": 1}}
    states = {row.what: row.state for row in preflight() if row.what.startswith("cache_warming")}
    assert states["cache_warming.W031"] is State.WARN
    assert states["cache_warming.E010"] is State.FAIL


def test_a_stop_that_is_on_fails(site):
    stop_runs("maintenance")
    assert found("kill switch") == [(State.FAIL, "is on: maintenance")]


def test_a_manifest_of_this_site(site, manifest):
    path = manifest(Entry(url="/page/?a=1", hits=9, host=HOST, variants={"chrome": 0.5, "safari": 0.5}))
    assert found("manifest", path)[0] == (State.OK, "1 entries, 2 requests in all variants")
    assert {state for state, _ in found("manifest", path)} == {State.OK}
    assert found("room in default", path)[-1][0] is State.OK


@pytest.mark.parametrize(
    ("entries", "expected", "words"),
    [
        (
            [Entry(url="/page/", hits=1, host="other.example")],
            State.FAIL,
            "ALLOWED_HOSTS does not hold: other",
        ),
        ([Entry(url="/page/", hits=8), Entry(url="/gone/for/ever/", hits=2)], State.WARN, "such as /gone/for/ever/"),
        ([Entry(url="/page/", hits=91), Entry(url="/gone/for/ever/", hits=9)], State.OK, "9.0% of its requests"),
    ],
)
def test_a_manifest_of_another_site(site, manifest, entries, expected, words):
    assert any(state is expected and words in detail for state, detail in found("manifest", manifest(*entries)))


def test_a_manifest_that_cannot_be_read(site, tmp_path):
    (tmp_path / "m.jsonl").write_text("{")
    assert found("manifest", str(tmp_path / "m.jsonl"))[0][0] is State.FAIL


def test_more_pages_than_the_cache_holds(site, manifest):
    cache = {**site.CACHES["default"], "OPTIONS": {"MAX_ENTRIES": 100}}
    with override_settings(CACHES={"default": cache}):
        path = manifest(*(Entry(url=f"/page/?n={number}", hits=1) for number in range(60)))
        state, detail = found("room in default", path)[-1]
        assert (state, "need 120 entries" in detail) == (State.FAIL, True)
    caches.close_all()


def test_the_command_prints_a_table_and_leaves_with_2(site, manifest):
    out = StringIO()
    call_command("warm_cache", preflight=True, manifest=manifest(Entry(url="/page/", hits=1)), stdout=out)
    lines = out.getvalue().splitlines()
    assert all(line.split()[0] in ("ok", "warn") for line in lines)
    assert any(line.startswith("ok    cache default") for line in lines)
    stop_runs("maintenance")
    with pytest.raises(CommandError, match="1 findings to mend") as caught:
        call_command("warm_cache", preflight=True, stdout=StringIO())
    assert caught.value.returncode == 2
    with pytest.raises(CommandError, match="only read with --preflight"):
        call_command("warm_cache", manifest="x", stdout=StringIO())
