"""One event loop, one backend instance, warm requests and visitors at once: nobody's calls get into another's trace."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.cache import caches
from django.http import HttpResponse
from django.test import AsyncClient

from django_hooks import taps
from django_hooks.middleware import CacheWarmingMiddleware
from django_hooks.operations import OPERATIONS
from url_manifests.protocol import TICKET_HEADER, TRACE_HEADER
from url_manifests.traces import KeyEvent, decode_trace

from .tickets import ticket

# Not memcached: at the end of each request Django closes its client, under the feet of the others that share it.
pytestmark = pytest.mark.parametrize("backend", ["locmem", "django-redis", "redis", "file"], indirect=True)


@pytest.fixture(autouse=True)
def _one_host(site):
    site.ALLOWED_HOSTS = ["testserver"]


async def visit(name: str, *, is_warm: bool):
    target = f"/slow/{name}/"
    headers = {TICKET_HEADER: ticket(target, host="testserver")} if is_warm else {}
    return name, (await AsyncClient().get(target, headers=headers)).headers.get(TRACE_HEADER)


def test_warm_and_live_requests_on_one_loop_do_not_mix(site, backend):
    shared = caches["default"]

    async def everybody():
        # Opened before the tasks start, so that all of them inherit this one instance.
        assert caches["default"] is shared
        visits = [visit(f"{'warm' if n % 2 else 'live'}{n}", is_warm=bool(n % 2)) for n in range(40)]
        return await asyncio.gather(*visits)

    for name, header in asyncio.run(everybody()):
        if name.startswith("live"):
            assert header is None
        else:
            found = {key.key: key.event for key in decode_trace(header).keys}
            expected = {f"part:{name}": KeyEvent.STORED, f"a:{name}": KeyEvent.MISS, f"b:{name}": KeyEvent.MISS}
            assert found == expected
    assert taps._tapped == {}
    assert vars(shared).keys().isdisjoint(OPERATIONS)


def test_a_visitor_who_leaves_early_leaves_no_tap(site, backend):
    async def leave():
        task = asyncio.create_task(visit("left", is_warm=True))
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert taps._tapped == {}


def test_the_middleware_stays_asynchronous_between_asynchronous_neighbours(site, backend):
    async def inner(request):
        return HttpResponse()

    assert iscoroutinefunction(CacheWarmingMiddleware(inner))
    assert not iscoroutinefunction(CacheWarmingMiddleware(lambda request: HttpResponse()))
