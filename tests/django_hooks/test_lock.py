"""Two runs never meet: on one machine, on two, and when a holder dies or loses its lock."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache

from django_hooks.leases import CACHE_KEY, CacheLease, DatabaseLease, Holder, LeaseUnusableError
from django_hooks.lock import lock_path, single_run
from django_hooks.models import RunLock
from url_manifests.errors import AnotherRunError, ConfigurationError

from .commands import command
from .tickets import SECRET

ROOT = Path(__file__).resolve().parents[2]


def test_two_runs_at_once_are_refused(own):
    with single_run(), pytest.raises(AnotherRunError, match=rf"under way \(process {os.getpid()}\)"), single_run():
        pass
    with single_run():
        assert command()[0] == 6
    assert command("--only", "numbers")[0] == 0


HOLDER = """
import sys, time, django
django.setup()
from django_hooks.lock import single_run
with single_run() as guard:
    print("held", flush=True)
    sys.stdin.readline()
    guard.check()
print("given back", flush=True)
"""


class Machine:
    """Commands that share cache and database with those of another machine, and no file."""

    def __init__(self, folder, database, cache, ttl_s):
        folder.mkdir()
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.django_hooks.fleet.settings",
            "EXAMPLE_DB": str(database),
            "EXAMPLE_CACHE": cache,
            "EXAMPLE_CACHE_PREFIX": f"lock{folder.parent.name}",
            "FLEET": json.dumps({"LOCK_FILE": str(folder / "lock"), "LOCK_TTL_S": ttl_s}),
            "WARM_SECRET": SECRET,
        }

    @contextmanager
    def holding(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-c", HOLDER], cwd=ROOT, env=self.env, text=True, **pipes)
        with process:
            try:
                assert process.stdout.readline() == "held\n", process.stderr.read()
                yield process
            finally:
                process.kill()

    def warm(self, *args):
        command = [sys.executable, "-m", "django", "warm_cache", "--only", "fleet", "--key", "fleet:1?", *args]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr


@pytest.fixture
def machines(request, seeded_database, tmp_path, redis_server):
    """Two machines of one site, on the cache that the test is parametrised with."""
    shutil.copy(seeded_database, tmp_path / "db.sqlite3")
    kind, ttl_s = request.param
    url = {"redis": f"redis://{urlsplit(redis_server.url).netloc}/1"}.get(kind, kind)
    return [Machine(tmp_path / name, tmp_path / "db.sqlite3", url, ttl_s) for name in ("one", "other")]


@pytest.mark.parametrize("machines", [("redis", 60), ("locmem", 60)], indirect=True)
def test_a_run_keeps_off_those_of_all_machines_and_a_killed_one_its_own_for_no_time(machines):
    one, other = machines
    with one.holding() as process:
        code, error = other.warm()
        assert (code, f"under way (process {process.pid} on " in error) == (6, True)
        code, error = one.warm()
        assert (code, error.endswith(f"another warm_cache is under way (process {process.pid})\n")) == (6, True)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert other.warm()[0] == 6
        assert one.warm()[0] in (0, 3)  # What LocMem is given, nobody can verify.
        assert other.warm()[0] in (0, 3)


@pytest.mark.parametrize("machines", [("redis", 2), ("locmem", 2)], indirect=True)
def test_the_lock_of_a_dead_machine_runs_out_and_whoever_wakes_up_later_stops(machines):
    one, other = machines
    with one.holding() as process:
        time.sleep(3)
        assert other.warm()[0] == 6  # The heartbeat has kept it beyond its time.
        process.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        with other.holding() as successor:
            process.send_signal(signal.SIGCONT)
            time.sleep(1.5)
            _, error = process.communicate("go on\n", timeout=10)
            assert f"the lock was lost to process {successor.pid} on" in error
            assert one.warm()[0] == 6


def test_a_lock_is_given_back(own):
    with single_run():
        assert cache.get(CACHE_KEY)["pid"] == os.getpid()
        assert RunLock.objects.get().holder["pid"] == os.getpid()
    assert (cache.get(CACHE_KEY), RunLock.objects.count()) == (None, 0)


@pytest.fixture(params=["cache", "database"])
def lease(request):
    """Makes leases of one store."""
    make = {"cache": lambda holder: CacheLease("default", holder, 60)}
    make["database"] = lambda holder: DatabaseLease("name", holder, 60)
    return make[request.param]


@pytest.mark.parametrize("backend", ["db", "django-redis", "redis", "memcached"], indirect=True)
def test_a_lease_is_of_one_holder(backend, lease):
    one, other = lease(Holder(pid=1)), lease(Holder(pid=2))
    one.take()
    with pytest.raises(AnotherRunError, match="process 1 on"):
        other.take()
    assert (one.renew(), other.renew().pid) == (None, 1)
    other.give_back()
    assert one.renew() is None
    one.give_back()
    other.take()
    assert one.renew().pid == 2


@pytest.mark.parametrize("backend", ["db", "django-redis", "memcached"], indirect=True)
def test_a_lease_that_was_forgotten_is_taken_again(backend, lease):
    one, other = lease(Holder(pid=1)), lease(Holder(pid=2))
    one.take()
    cache.clear()
    RunLock.objects.all().delete()
    assert one.renew() is None
    assert other.renew().pid == 1


@pytest.mark.usefixtures("backend")
def test_the_lease_of_a_dead_neighbour_is_taken_over(lease):
    lease(Holder(pid=1, file="boot:1:2")).take()
    with pytest.raises(AnotherRunError):
        lease(Holder(pid=2, file="boot:1:3")).take()
    lease(Holder(pid=2, file="boot:1:2")).take()


@pytest.mark.parametrize("backend", ["locmem", "dummy"], indirect=True)
def test_a_cache_that_nobody_else_sees_holds_no_lock(backend):
    with pytest.raises(LeaseUnusableError):
        CacheLease("default", Holder(), 60).take()


def test_a_cache_that_does_not_answer_leaves_the_lock_to_the_database(own, settings):
    dead = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {**settings.CACHES, "dead": dead}
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "LOCK_CACHE": "dead"}
    with single_run():
        assert RunLock.objects.count() == 1


def test_a_link_in_the_locks_place_is_not_followed(own, settings, tmp_path):
    target = tmp_path / "target"
    Path(settings.CACHE_WARMING["LOCK_FILE"]).symlink_to(target)
    with pytest.raises(ConfigurationError, match="cannot open"), single_run():
        pass
    assert not target.exists()


def test_each_project_has_a_lock_of_its_own(settings):
    settings.CACHE_WARMING = {}
    first = lock_path()
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": "another release"}}
    assert lock_path() != first
