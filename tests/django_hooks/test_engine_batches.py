"""Whole batches: computed and written in bulk, sized by bytes, tried again, withdrawn, and proven as far as asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from django.core.cache import cache, caches

from django_hooks.backends.database import DatabaseStore
from django_hooks.engine import Engine, RunOptions, memory
from django_hooks.engine.memory import MemoryWatch
from django_hooks.warmers import CacheEntry, Warmer
from tests import servers
from url_manifests.outcomes import Result

from .conftest import SHARED

MB = 1 << 20
pytestmark = pytest.mark.usefixtures("backend")
everywhere = pytest.mark.parametrize("backend", SHARED, indirect=True)


class Rows(Warmer):
    """Numbers by number, computed in bulk."""

    name = "rows"
    timeout = 600
    computes_in_bulk = True
    wanted = range(10)
    calls = ()

    def __init__(self, **attributes):
        self.calls = []
        for name, value in attributes.items():
            setattr(self, name, value)

    def entries(self):
        for number in self.wanted:
            yield CacheEntry(key=f"k{number}", source=number)

    def compute_many(self, entries):
        self.calls.append([entry.source for entry in entries])
        return {entry.key: self.value(entry.source) for entry in entries if self.value(entry.source) is not ...}

    def value(self, number):
        return f"value {number}"


def run(*warmers, **options):
    """Result and reason by key."""
    outcomes = Engine(RunOptions(**options)).run(warmers)
    return {outcome.url.partition(":")[2]: (outcome.result, outcome.reason) for outcome in outcomes}


STORED, WARM = (Result.STORED, ""), (Result.ALREADY_WARM, "")


@everywhere
def test_values_are_computed_in_bulk_only_where_they_are_missing(backend):
    cache.set("k3", "live", 60)
    rows = Rows()
    assert run(rows) == {f"k{n}": WARM if n == 3 else STORED for n in range(10)}
    assert rows.calls == [[0, 1, 2, 4, 5, 6, 7, 8, 9]]
    assert (cache.get("k3"), cache.get("k4")) == ("live", "value 4")
    again = Rows()
    assert (set(run(again).values()), again.calls) == ({WARM}, [])


def test_what_is_left_out_is_gone_and_an_exception_is_that_entrys():
    values = {3: ..., 5: ValueError("of no use")}
    outcomes = list(Engine(RunOptions()).run([Rows(value=lambda n: values.get(n, n))]))
    found = {outcome.url: outcome for outcome in outcomes if outcome.result is not Result.STORED}
    assert found.keys() == {"rows:k3", "rows:k5"}
    assert (found["rows:k3"].result, found["rows:k3"].reason, found["rows:k3"].cacheable) == (
        Result.SKIPPED,
        "gone",
        False,
    )
    assert (found["rows:k5"].reason, found["rows:k5"].detail) == ("compute-failed", "ValueError: of no use")


def test_one_entry_that_breaks_the_whole_call_is_found_and_the_others_computed():
    def broken(number):
        return 1 / (number - 7)

    assert run(Rows(value=broken)) == {
        f"k{n}": STORED if n != 7 else (Result.FAILED, "compute-failed") for n in range(10)
    }


def test_a_call_that_always_breaks_is_not_made_for_each_of_a_thousand():
    rows = Rows(wanted=range(1000), compute_many=lambda entries: calls.append(len(entries)) or 1 / 0)
    calls = []
    assert set(run(rows).values()) == {(Result.FAILED, "compute-failed")}
    assert len(calls) < 100


@everywhere
def test_what_changed_while_it_was_written_is_deleted_again(backend):
    seen = []

    class Changing(Rows):
        def changed_meanwhile(self, entries, values):
            seen.append({entry.key: values[entry.key] for entry in entries})
            return ["k2"]

    cache.set("k1", "live", 60)
    assert run(Changing(wanted=range(4))) == {
        "k0": STORED,
        "k1": WARM,
        "k2": (Result.SKIPPED, "changed-meanwhile"),
        "k3": STORED,
    }
    assert seen == [{"k0": "value 0", "k2": "value 2", "k3": "value 3"}]
    assert cache.get_many(["k0", "k2", "k3"]).keys() == {"k0", "k3"}


def test_what_cannot_vouch_for_itself_does_not_stay():
    class Broken(Rows):
        def changed_meanwhile(self, entries, values):
            raise LookupError

    assert set(run(Broken()).values()) == {(Result.SKIPPED, "changed-meanwhile")}
    assert cache.get_many([f"k{n}" for n in range(10)]) == {}


@pytest.mark.parametrize("backend", ["django-redis"], indirect=True)
def test_a_second_run_leaves_every_time_to_live_as_it_was(backend):
    run(Rows())
    keys = [f"k{n}" for n in range(10)]
    before, at_s = [cache.pttl(key) / 1000 for key in keys], time.monotonic()
    run(Rows())
    elapsed_s = time.monotonic() - at_s
    after = [cache.pttl(key) / 1000 for key in keys]
    assert all(abs(one - other - elapsed_s) < 0.5 for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("backend", ["django-redis"], indirect=True)
def test_a_refresh_keeps_the_life_that_is_left_unless_the_warmer_says_otherwise(backend):
    cache.set("k0", "old", 100)
    cache.set("k1", "old", None)
    assert set(run(Rows(wanted=range(3)), refresh=True).values()) == {STORED}
    assert [cache.get(f"k{n}") for n in range(3)] == ["value 0", "value 1", "value 2"]
    assert 90 < cache.ttl("k0") <= 100
    assert cache.ttl("k1") is None
    assert 590 < cache.ttl("k2") <= 600
    run(Rows(wanted=range(3), refresh_extends=True), refresh=True)
    assert [cache.ttl(f"k{n}") > 590 for n in range(3)] == [True, True, True]


@pytest.mark.parametrize("backend", ["db", "memcached", "django-redis"], indirect=True)
def test_keys_that_end_soon_are_written_anew(backend):
    cache.set("k0", "old", 50)
    cache.set("k1", "old", 500)
    cache.set("k2", "old", None)
    assert run(Rows(wanted=range(3)), fresh_for_s=100) == {"k0": STORED, "k1": WARM, "k2": WARM}
    assert [cache.get(f"k{n}") for n in range(3)] == ["value 0", "old", "old"]


def test_batches_are_limited_in_bytes(monkeypatch):
    sizes = []
    own = DatabaseStore.write
    monkeypatch.setattr(
        DatabaseStore,
        "write",
        lambda self, items, **o: sizes.append(sum(len(i.data) for i in items)) or own(self, items, **o),
    )
    large = Rows(wanted=range(100), value=lambda number: os.urandom(10_000))
    assert set(run(large, batch_bytes=100_000).values()) == {STORED}
    assert (len(sizes) > 12, max(sizes) < 120_000) == (True, True)
    # Once it is known how large the values are, no more are computed than will be written together.
    assert max(map(len, large.calls[1:])) <= 10


def test_a_cold_store_is_not_asked_again_and_again_what_is_there(monkeypatch):
    asked = []
    own = DatabaseStore.present
    monkeypatch.setattr(DatabaseStore, "present", lambda self, items: asked.append(len(items)) or own(self, items))

    class Given(Warmer):
        name = "given"
        timeout = 60

        def entries(self):
            for number in range(1000):
                yield CacheEntry(key=f"k{number}", value=number)

    cache.set("k100", "live", 60)
    outcomes = run(Given())
    assert outcomes == {f"k{n}": WARM if n == 100 else STORED for n in range(1000)}
    assert cache.get("k100") == "live"
    # The first batch, and the one after the write that found somebody else's entry.
    assert len(asked) == 2
    asked.clear()
    assert set(run(Given()).values()) == {WARM}
    assert sum(asked) == 1000


def test_counts_and_outcomes_say_the_same():
    def batches():
        values = {2: ..., 3: ValueError()}
        return Engine(RunOptions()).batches([Rows(value=lambda n: values.get(n, n))])

    singly = Counter(outcome.result for batch in batches() for outcome in batch.outcomes())
    cache.clear()
    together = Counter()
    for batch in batches():
        together.update({result: count for result, (count, _) in batch.plain().items()})
        together.update(outcome.result for outcome in batch.exceptional())
    assert together == singly == {Result.STORED: 8, Result.SKIPPED: 1, Result.FAILED: 1}


def test_a_sample_is_read_back_and_all_of_it_when_one_is_wrong(monkeypatch):
    read = []
    own = DatabaseStore.verify
    monkeypatch.setattr(
        DatabaseStore, "verify", lambda self, items, elapsed_s: read.append(len(items)) or own(self, items, elapsed_s)
    )
    assert set(run(Rows(wanted=range(60)), verify="sample").values()) == {STORED}
    assert read == [3]
    write = DatabaseStore.write
    monkeypatch.setattr(DatabaseStore, "write", lambda self, items, **o: write(self, items, **o) or cache.clear() or {})
    read.clear()
    assert set(run(Rows(wanted=range(60, 120)), verify="sample").values()) == {
        (Result.NOT_STORED, "refused-by-backend")
    }
    assert read == [3, 57]


def test_what_is_not_read_back_is_not_called_stored():
    assert set(run(Rows(), verify="none").values()) == {(Result.UNVERIFIABLE, "")}
    assert cache.get("k1") == "value 1"


def test_values_are_computed_by_several_threads():
    met = threading.Barrier(3, timeout=20)  # breaks unless three compute at once

    class Slow(Warmer):
        name = "slow"
        timeout = 60

        def entries(self):
            for number in range(48):
                yield CacheEntry(key=f"k{number}", compute=lambda number=number: (number % 16 or met.wait()) and number)

    assert set(run(Slow(), threads=3).values()) == {STORED}


def test_one_key_with_two_values_is_an_error():
    class Twice(Warmer):
        name = "twice"
        timeout = 60

        def entries(self):
            yield CacheEntry(key="same", value=1)
            yield CacheEntry(key="same", value=1)
            yield CacheEntry(key="same", value=2)
            yield CacheEntry(key="same", value=1, timeout=30)

    outcomes = list(Engine(RunOptions()).run([Twice()]))
    assert [(o.result, o.reason) for o in outcomes] == [STORED, STORED, *[(Result.FAILED, "bad-entry")] * 2]
    assert cache.get("same") == 1


def test_batches_shrink_near_the_memory_limit_and_the_run_stops_at_it():
    held = [50 * MB]
    watch = MemoryWatch(100 * MB, lambda: held[0])
    watch.look()
    assert (watch.scale, watch.problem) == (1.0, "")
    held[0] = 95 * MB
    watch.look()
    assert (watch.scale, watch.problem) == (0.5, "")
    for _ in range(4):
        watch.look()
    assert (watch.scale, watch.problem) == (1 / 16, "")
    held[0] = 101 * MB
    watch.look()
    assert watch.problem == "holds 101 MB, may hold 100 MB"


def test_a_run_that_holds_too_much_leaves_the_rest(monkeypatch):
    outcomes = run(Rows(wanted=range(5000)), Rows(name="next"), max_memory_bytes=MB, batch_keys=64)
    assert outcomes["*"] == (Result.SKIPPED, "memory")
    assert 10 < len(outcomes) < 1000
    assert memory.resident_bytes() > 20 * MB


GROWTH = """
import django; django.setup()
from django_hooks.engine import Engine, RunOptions
from django_hooks.engine.memory import resident_bytes
from django_hooks.warmers import CacheEntry, Warmer
class Rows(Warmer):
    name, timeout, computes_in_bulk = "rows", 600, True
    def entries(self):
        return (CacheEntry(key=f"k{number}", source=number) for number in range(60_000))
    def compute_many(self, entries):
        return {entry.key: f"{entry.source:010}" * 100 for entry in entries}
def warm(**options):
    batches = Engine(RunOptions(**options)).batches([Rows()])
    return sum(count for batch in batches for count, _ in batch.plain().values())
warm(key_pattern="k?")
idle = resident_bytes()
stored = warm()
# Of this process alone; what getrusage says begins with the size of the process that started it.
peak = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(stored, peak - idle)
"""


@pytest.mark.parametrize("backend", ["db"], indirect=True)
def test_sixty_thousand_rows_take_no_more_memory_than_a_batch(backend, redis_server, tmp_path):
    env = {**os.environ, "EXAMPLE_CACHE": redis_server.url, "DJANGO_SETTINGS_MODULE": "example.settings"}
    env |= {"EXAMPLE_DB": str(tmp_path / "db.sqlite3"), "EXAMPLE_CACHE_PREFIX": "growth"}
    done = subprocess.run([sys.executable, "-c", GROWTH], env=env, capture_output=True, text=True, check=True)
    stored, grown_bytes = map(int, done.stdout.split())
    assert stored == 60_000
    assert grown_bytes < 20 * MB  # of 60 MB that went through


@pytest.fixture
def own_redis(tmp_path, settings):
    """A Redis that a test may stop."""
    configured = settings.CACHES
    with servers.redis(tmp_path) as server:
        path = "django_redis.cache.RedisCache"
        settings.CACHES = {"default": {"BACKEND": path, "LOCATION": server.url, "OPTIONS": {"SOCKET_TIMEOUT": 0.3}}}
        yield server
        caches.close_all()
        settings.CACHES = configured


def test_a_store_that_pauses_is_waited_for(own_redis):
    class Pausing(Rows):
        def compute_many(self, entries):
            if entries[0].source == 0:
                os.kill(own_redis.pid, signal.SIGSTOP)
                threading.Timer(1, os.kill, (own_redis.pid, signal.SIGCONT)).start()
            return super().compute_many(entries)

    outcomes = run(Pausing(wanted=range(200)))
    # What was written before the answer got lost is found as warm by the second attempt.
    assert set(outcomes.values()) <= {STORED, WARM}
    assert len(outcomes) == len(cache.get_many(outcomes)) == 200


def test_a_store_that_dies_is_given_up_with_a_verdict(own_redis):
    class Killing(Rows):
        def compute_many(self, entries):
            if entries[0].source >= 64:
                os.kill(own_redis.pid, signal.SIGKILL)
                time.sleep(0.2)
            return super().compute_many(entries)

    rows = Killing(wanted=range(1000))
    outcomes = Counter(run(rows, retries=1).values())
    assert outcomes == {STORED: 64, (Result.FAILED, "cache-down"): 936}
    assert len(rows.calls) == 2
