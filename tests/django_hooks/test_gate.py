"""Warm requests are turned away while visitors suffer, before any view; visitors never are."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from django.core.cache import caches
from django.db.utils import ConnectionHandler
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory, override_settings

from django_hooks import database_wait, middleware
from django_hooks import gate as gates
from django_hooks.admission import Limits
from django_hooks.database_wait import DatabaseWait
from django_hooks.gate import Gate, LoopLag, limits
from django_hooks.live import KEPT, ONE_IN, LiveTraffic
from url_manifests.errors import ConfigurationError
from url_manifests.protocol import REFUSAL_HEADER, Refusal, refusal_in

from .tickets import HOST, SECRET, read, ticket, warm, warm_headers

DEAD = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}}


@pytest.fixture(autouse=True)
def _count_from_nothing():
    gates.turned_away.clear()


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def refusal(response):
    return refusal_in(response.headers.get(REFUSAL_HEADER, ""))


@pytest.fixture
def layer(site):
    """The middleware around one view, which calls what is put into `inside` while it answers."""
    inside = []

    def view(request):
        for call in inside:
            call(request)
        return HttpResponse("ok")

    made = middleware.CacheWarmingMiddleware(view)
    made.inside = inside
    return made


def live_request(target="/page/"):
    return RequestFactory().get(target, headers={"host": HOST})


def warm_request(target="/page/"):
    return RequestFactory().get(target, headers=warm_headers(target))


def test_an_idle_site_admits_everything(layer):
    for _ in range(200):
        assert layer(warm_request()).status_code == 200
    assert not gates.turned_away


def test_with_too_many_visitors_under_way_a_ticket_waits_and_no_view_is_run(site, caplog):
    site.CACHE_WARMING = {"SECRET": SECRET, "ADMISSION": {"in_flight": 2}}
    ran, answers = [], []

    def view(request):
        ran.append(hasattr(request, "cache_warming"))
        if len(ran) < 2:
            layer(live_request())
        elif len(ran) == 2:
            answers.append(layer(warm_request()))
        return HttpResponse("ok")

    layer = middleware.CacheWarmingMiddleware(view)
    layer._gate._live.attend()
    assert layer(live_request()).status_code == 200
    (answer,) = answers
    assert (answer.status_code, refusal(answer)) == (503, Refusal.BUSY)
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers[REFUSAL_HEADER] == "busy; in_flight 2 of 2"
    assert ran == [False, False]
    assert gates.turned_away == {"busy": 1}
    assert "held_back why=in_flight 2 of 2" in caplog.text


def test_visitors_are_answered_while_tickets_are_not(site, layer):
    layer._gate._hold.begin("test", time.monotonic())
    assert layer(warm_request()).status_code == 503
    assert layer(live_request()).status_code == 200


def test_a_refusal_is_not_logged_as_an_error_of_the_site(site, caplog):
    """Django mails those to the admins."""
    caches["default"].set("cache_warming:stop", "now")
    answer = Client().get("/page/", headers=warm_headers("/page/"))
    assert (answer.status_code, refusal(answer)) == (503, Refusal.STOP)
    assert [record for record in caplog.records if record.name.startswith("django")] == []


def test_admission_can_be_switched_off(site):
    site.CACHE_WARMING = {"SECRET": SECRET, "ADMISSION": False}
    layer = middleware.CacheWarmingMiddleware(lambda request: HttpResponse())
    assert layer._answer_visitor is layer.get_response
    assert layer(warm_request()).status_code == 200


@pytest.mark.parametrize(
    ("configured", "problem"),
    [({"speed": 1}, "is unknown"), ({"load": "high"}, "must be a number"), ({"load": -1}, "from 0 on"),
     ({"load": True}, "must be a number"), ({"load": float("nan")}, "from 0 on")],
)  # fmt: skip
def test_wrong_limits_are_named_and_the_defaults_hold(site, configured, problem):
    site.CACHE_WARMING = {"SECRET": SECRET, "ADMISSION": configured}
    with pytest.raises(ConfigurationError, match=problem):
        limits()
    layer = middleware.CacheWarmingMiddleware(lambda request: HttpResponse())
    assert layer._gate._limits == Limits()


def visitors(live: LiveTraffic, seconds: list[float]) -> None:
    """Note visitors who came one after the other, and just now."""
    now_s = 100.0
    for seconds_taken in reversed(seconds):
        live._done.appendleft((now_s, now_s - seconds_taken, "page/", 200, False))
        now_s -= 0.05


def test_slow_visitors_close_the_gate_and_quick_ones_open_it(site):
    live, clock = LiveTraffic(), Clock()
    gate = Gate(Limits(), live, clock)
    visitors(live, [0.02] * 30)
    assert gate.refusal() is None
    assert gate.told() == {"visitors": 1, "latency_ratio": 1.0}
    clock.now_s += 1
    live._done.extend((clock.now_s, clock.now_s - 0.09, "page/", 200, False) for _ in range(32))
    answer = gate.refusal()
    assert answer.headers[REFUSAL_HEADER].startswith("busy; latency_ratio 4")
    clock.now_s += 1
    assert gate.refusal().headers["Retry-After"] == "1"
    clock.now_s += 1.5
    live._done.extend((clock.now_s, clock.now_s - 0.02, "page/", 200, False) for _ in range(32))
    assert gate.refusal() is None


@pytest.mark.parametrize("backend", ["db", "django-redis", "memcached"], indirect=True)
def test_other_processes_of_the_host_hear_of_it(site, backend):
    clock = Clock()
    first, second = (Gate(Limits(in_flight=1), LiveTraffic(), clock) for _ in range(2))
    first._live._begun[1] = 99.0
    assert refusal(first.refusal()) is Refusal.BUSY
    answer = second.refusal()
    assert answer.headers[REFUSAL_HEADER] == "busy; another process: in_flight 1 of 1"
    caches["default"].delete(gates._host_key())
    clock.now_s += 3
    assert second.refusal() is None


def test_a_dead_cache_closes_no_gate(site, caplog):
    with override_settings(CACHES=DEAD):
        assert Gate(Limits(), LiveTraffic(), Clock()).refusal() is None
    assert "stop_unknown error=ConnectionError" in caplog.text
    assert "host_unknown error=ConnectionError" in caplog.text


def test_what_was_measured_stands_in_the_trace(site, layer):
    def inside(request):
        if not hasattr(request, "cache_warming"):
            answers.append(layer(warm_request()))

    answers = []
    layer.inside.append(inside)
    layer(live_request())
    assert read(answers[0]).trace.extra["load"] == {"visitors": 1, "in_flight": 1}
    assert "load" not in warm("/page/").trace.extra


def test_the_ring_of_visitors_is_bounded_and_nobody_stays_in_it(layer):
    live = LiveTraffic()
    watched = live.watching(lambda request: HttpResponse())
    live.attend()
    for _ in range(KEPT + 10):
        watched(live_request())
    assert (live.in_flight, len(list(live.taken()))) == (0, KEPT)

    def breaks(request):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        live.watching(breaks)(live_request())
    assert live.in_flight == 0


def test_without_warm_requests_one_visitor_of_some_is_noted_and_with_them_all(monkeypatch):
    live = LiveTraffic()
    watched = live.watching(lambda request: HttpResponse())
    assert [(watched(live_request()), len(live._done))[1] for _ in range(2 * ONE_IN)][-1] == 2
    live.attend()
    for _ in range(10):
        watched(live_request())
    assert len(live._done) == 12
    live._attended_until_s = 0.0
    for _ in range(1 + ONE_IN):
        watched(live_request())
    assert len(live._done) == 12 + 1 + 1


def test_many_threads_at_once_lose_nobody(site):
    live = LiveTraffic()
    watched = live.watching(lambda request: HttpResponse())
    gate = Gate(Limits(in_flight=0, latency_ratio=0), live)
    found = []

    def visit():
        for _ in range(200):
            watched(live_request())
            found.append(gate._live.in_flight)

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        list(live.taken())
    assert live.in_flight == 0
    assert max(found) < 8


def test_a_blocked_loop_is_late():
    async def run(block_s):
        lag = LoopLag()
        for _ in range(4):
            lag.attend()
            await asyncio.sleep(0.03)
            time.sleep(block_s)
        await asyncio.sleep(0.06)
        return lag.worst_s()

    assert asyncio.run(run(0.15)) > 0.1
    assert LoopLag().worst_s() == 0.0


def test_a_loop_is_no_longer_watched_when_warm_requests_stay_away():
    async def run():
        lag = LoopLag()
        lag.attend()
        lag._until_s = asyncio.get_running_loop().time() + 0.1
        await asyncio.sleep(0.25)
        assert lag._loop is None
        lag.attend()
        return lag._loop

    assert asyncio.run(run()) is not None


@pytest.mark.parametrize("backend", ["locmem"], indirect=True)
def test_on_an_event_loop_too(site, backend):
    site.ALLOWED_HOSTS = ["testserver"]
    site.CACHE_WARMING = {"SECRET": SECRET, "ADMISSION": {"in_flight": 1}}
    answers = []

    async def view(request):
        if not hasattr(request, "cache_warming"):
            answers.append(await layer(warm_one()))
        return HttpResponse("ok")

    def warm_one():
        return AsyncRequestFactory().get(
            "/page/", headers={middleware.TICKET_HEADER: ticket("/page/", host="testserver")}
        )

    layer = middleware.CacheWarmingMiddleware(view)

    async def run():
        live = await layer(AsyncRequestFactory().get("/page/"))
        layer._gate._hold.__init__()
        layer._gate._measured_at_s = 0.0
        caches["default"].clear()
        return live, await layer(warm_one())

    live, later = asyncio.run(run())
    assert (live.status_code, later.status_code) == (200, 200)
    assert refusal(answers[0]) is Refusal.BUSY


@pytest.mark.parametrize("backend", ["locmem"], indirect=True)
def test_the_kill_switch_on_an_event_loop(site, backend):
    site.ALLOWED_HOSTS = ["testserver"]
    caches["default"].set("cache_warming:stop", "now")
    headers = {middleware.TICKET_HEADER: ticket("/page/", host="testserver")}
    answer = asyncio.run(AsyncClient().get("/page/", headers=headers))
    assert refusal(answer) is Refusal.STOP


def test_a_connection_that_is_not_to_be_had_is_waited_for_for_ever(db, monkeypatch, tmp_path):
    assert DatabaseWait().seconds() == 0.0
    nowhere = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "no" / "folder" / "db.sqlite3"}
    monkeypatch.setattr(database_wait, "connections", ConnectionHandler({"default": nowhere}))
    assert DatabaseWait().seconds() == float("inf")


def test_a_pool_tells_how_long_it_kept_requests_waiting():
    wait = DatabaseWait()
    assert wait._in_pool({"requests_num": 10, "requests_wait_ms": 0}) == 0
    assert wait._in_pool({"requests_num": 20, "requests_wait_ms": 4000}) == 0.4
    assert wait._in_pool({"requests_num": 20, "requests_wait_ms": 4000, "requests_waiting": 3}) == float("inf")
    assert wait._in_pool({"requests_num": 20, "requests_wait_ms": 4000}) == 0
