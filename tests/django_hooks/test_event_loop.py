"""Mode ``async``: what is asynchronous runs in one loop, so many at a time; all else is as in the other modes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.db import connection

from django_hooks.warmers import CacheEntry, Warmer, register
from example.catalogue.models import Product

from .commands import command


class Peak:
    """How many are in a block at once, at most."""

    now = most = 0

    async def __aenter__(self):
        self.now += 1
        self.most = max(self.most, self.now)

    async def __aexit__(self, *args):
        self.now -= 1


def test_the_report_is_that_of_sync(own, tmp_path):
    reports = []
    for mode in ("sync", "async"):
        cache.clear()
        code, out, error = command("--mode", mode, "--report", str(tmp_path / mode))
        document = json.loads((tmp_path / mode).read_text())
        changing = ("run_id", "elapsed_s", "started_at", "finished_at")
        reports.append((code, out, error, {name: document[name] for name in document if name not in changing}))
    assert reports[0] == reports[1]
    assert reports[1][1].startswith("4 entries: 3 stored, 1 failed")
    assert command("--mode", "async")[1].startswith("4 entries: 3 already_warm, 1 failed")


@pytest.mark.parametrize(("options", "most"), [({}, 16), ({"concurrency": 3}, 3)])
def test_values_are_awaited_so_many_at_a_time(own, settings, options, most):
    peak, threads = Peak(), set()

    async def compute(number):
        async with peak:
            threads.add(threading.get_ident())
            await asyncio.sleep(0.002)
        return number

    @register("awaited", category="rows")
    async def awaited():
        for number in range(150):
            await asyncio.sleep(0)
            yield CacheEntry(key=f"a{number}", compute=lambda number=number: compute(number))

    @register("partly", category="rows")
    def partly():
        for number in range(60):

            async def value(number=number):
                return await compute(number)

            yield CacheEntry(key=f"p{number}", compute=value)

    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "STRATEGIES": {"s": {"only": ["rows"], **options}}}
    code, out, error = command("--mode", "async", strategy="s")
    assert (code, out, error) == (0, "210 entries: 210 stored; coverage 1.000: ok\n", "")
    assert cache.get_many(["a149", "p59"]) == {"a149": 149, "p59": 59}
    assert (peak.most, len(threads)) == (most, 1)


def test_a_client_can_live_from_the_first_entry_to_the_last_value(own):
    @register
    class Client(Warmer):
        name = category = "client"

        async def entries(self):
            self.queue = asyncio.Queue()
            self.server = asyncio.create_task(self.serve())
            for number in range(250):
                yield CacheEntry(key=f"c{number}", compute=self.ask)

        async def serve(self):
            while True:
                (await self.queue.get()).set_result("answer")

        async def ask(self):
            answer = asyncio.get_running_loop().create_future()
            await self.queue.put(answer)
            return await answer

    assert command("--mode", "async", only=["client"])[1].startswith("250 entries: 250 stored")


def test_asynchronous_queries_use_the_connection_of_the_command(own):
    seen = []

    @register
    class Bulk(Warmer):
        name, computes_in_bulk = "bulk", True

        async def entries(self):
            async for row in Product.objects.values_list("pk", flat=True)[:5]:
                yield CacheEntry(key=f"row{row}", source=row)
            yield CacheEntry(key="other", source=0)

        async def compute_many(self, entries):
            seen.append(await sync_to_async(lambda: connection.in_atomic_block)())
            return {entry.key: entry.source for entry in entries}

    assert command("--mode", "async", only=["bulk"])[0] == 0
    assert (cache.get("other"), set(seen)) == (0, {True})


def test_what_raises_costs_its_own_entry(own):
    @register("raising", priority=-1)
    async def raising():
        async def broken():
            raise ArithmeticError("of no use")

        yield CacheEntry(key="good", value=1)
        yield CacheEntry(key="bad", compute=broken)
        raise LookupError("the end")

    out = command("--mode", "async", only=["raising"])[1]
    assert out.startswith("3 entries: 1 stored, 2 failed")
    assert "raising:bad (ArithmeticError: of no use)" in out
    assert "raising:* (LookupError: the end)" in out


def test_awaited_values_are_computed_in_every_mode_and_awaited_entries_are_refused(own):
    async def value():
        return 7

    @register("values", category="rows")
    def values():
        yield CacheEntry(key="v", compute=value)

    @register("entries", category="sessions")
    async def entries():
        yield CacheEntry(key="e", value=1)

    assert command("--mode", "sync", only=["values"])[0] == 0
    assert cache.get("v") == 7
    assert "entries() is asynchronous, which needs --mode async" in command(only=["entries"])[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_after_its_batch(own, tmp_path, number):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:

        @register("endless", priority=9)
        async def endless():
            number_of = 0
            while True:
                number_of += 1
                yield CacheEntry(key=f"e{number_of}", compute=lambda n=number_of: n)
                if number_of == 300:
                    os.kill(os.getpid(), number)

        report = tmp_path / "report.json"
        code, _, error = command("--mode", "async", "--report", str(report))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, error.startswith("stopped by a signal")) == (5, True)
    document = json.loads(report.read_text())
    assert document["stored"] == len(cache.get_many([f"e{n}" for n in range(2000)])) >= 300
    assert sorted(document["examples"]["stopped"]) == [
        f"{name}:* (the rest of this warmer)" for name in ("broken", "endless", "numbers")
    ]
