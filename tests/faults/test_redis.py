"""Faults of a Redis, made with its own commands, by signals, and on the way to it: crawl and command under each.

Whatever happens, a run ends in time with a true report, visitors are served as soon as the fault is over, what was
stored meanwhile is right, and a second run completes.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from redis.exceptions import RedisError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from .conftest import Stage

Fault = Callable[[Stage], Iterator[None]]
FAULTS: dict[str, tuple[Fault, set[int], set[int]]] = {}


def fault(crawl: set[int], command: set[int]) -> Callable[[Fault], Fault]:
    """Register a fault with the exit codes that are right under it."""

    def register(make: Fault) -> Fault:
        FAULTS[make.__name__] = (make, crawl, command)
        return make

    return register


WARM, COLD, STOPPED = {0}, {3}, {5}
TIMED_OUT = {3}
"""The site waits a second for each call on its cache, so pages take longer than ``WARM_TIMEOUT`` and say nothing of
why; seven of them are too few to end the run for."""
RACY = {0, 3}
"""It is a matter of milliseconds whether a page is asked for the second time before or after its entry is lost."""


@fault(STOPPED, COLD)
def down_at_start(stage: Stage) -> Iterator[None]:
    stage.relay.refuses = True
    stage.relay.cut()
    yield


@fault(TIMED_OUT, COLD)
def hangs_for_good(stage: Stage) -> Iterator[None]:
    stage.relay.hangs = True
    yield


@fault(STOPPED, COLD)
def gone_in_the_middle(stage: Stage) -> Iterator[None]:
    stage.relay.cuts_after_bytes = 3000
    yield


@fault(WARM, WARM)
def gone_and_back(stage: Stage) -> Iterator[None]:
    stage.relay.refuses = True
    stage.relay.cut()
    with later(1.5, stage.relay.heal):
        yield


@fault(WARM, WARM)
def slow(stage: Stage) -> Iterator[None]:
    stage.relay.delay_s = 0.01
    yield


@fault(STOPPED, COLD)
def answers_nonsense(stage: Stage) -> Iterator[None]:
    stage.relay.says = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    yield


@fault(RACY, RACY)
def connections_break(stage: Stage) -> Iterator[None]:
    with repeating(stage.relay.cut):
        yield


@fault(RACY, RACY)
def clients_killed(stage: Stage) -> Iterator[None]:
    with repeating(lambda: stage.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")):
        yield


@fault(WARM, WARM)
def paused(stage: Stage) -> Iterator[None]:
    stage.redis.execute_command("CLIENT", "PAUSE", "2500", "ALL")
    yield


@fault(WARM, WARM)
def writes_paused(stage: Stage) -> Iterator[None]:
    stage.redis.execute_command("CLIENT", "PAUSE", "2500", "WRITE")
    yield


@fault(WARM, WARM)
def sleeps(stage: Stage) -> Iterator[None]:
    thread = threading.Thread(target=lambda: stage.redis.execute_command("DEBUG", "SLEEP", "2.5"))
    thread.start()
    yield
    thread.join()


@fault(WARM, WARM)
def process_stopped_for_a_while(stage: Stage) -> Iterator[None]:
    os.kill(stage.server.pid, signal.SIGSTOP)
    with later(2.5, lambda: os.kill(stage.server.pid, signal.SIGCONT)):
        yield


@fault(TIMED_OUT, COLD)
def process_stopped(stage: Stage) -> Iterator[None]:
    os.kill(stage.server.pid, signal.SIGSTOP)
    yield
    os.kill(stage.server.pid, signal.SIGCONT)


@fault(STOPPED, COLD)
def read_only_replica(stage: Stage) -> Iterator[None]:
    stage.redis.execute_command("CONFIG", "SET", "replica-serve-stale-data", "yes")
    stage.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    yield
    stage.redis.execute_command("REPLICAOF", "NO", "ONE")


@fault(STOPPED, COLD)
def stale_replica(stage: Stage) -> Iterator[None]:
    stage.redis.execute_command("CONFIG", "SET", "replica-serve-stale-data", "no")
    stage.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    yield
    stage.redis.execute_command("REPLICAOF", "NO", "ONE")


@fault(WARM, WARM)
def fails_over(stage: Stage) -> Iterator[None]:
    stage.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    with later(1.5, lambda: stage.redis.execute_command("REPLICAOF", "NO", "ONE")):
        yield


@fault(STOPPED, COLD)
def full(stage: Stage) -> Iterator[None]:
    with configured(stage, "maxmemory", "1"):
        yield


@fault(RACY, RACY)
def full_and_evicting(stage: Stage) -> Iterator[None]:
    used = int(stage.redis.info("memory")["used_memory"])
    with configured(stage, "maxmemory-policy", "allkeys-lru"), configured(stage, "maxmemory", str(used + 20_000)):
        yield


@fault(STOPPED, COLD)
def too_few_replicas(stage: Stage) -> Iterator[None]:
    with configured(stage, "min-replicas-to-write", "1"):
        yield


@fault(RACY, RACY)
def flushed_once(stage: Stage) -> Iterator[None]:
    with later(0.7, stage.redis.flushall):
        yield


@fault(RACY, RACY)
def flushed_again_and_again(stage: Stage) -> Iterator[None]:
    with repeating(stage.redis.flushall, every_s=0.02):
        yield


@fault(STOPPED, COLD)
def password_changed(stage: Stage) -> Iterator[None]:
    with configured(stage, "requirepass", "new"):
        stage.relay.cut()
        yield


@fault(STOPPED, COLD)
def not_allowed_to_write(stage: Stage) -> Iterator[None]:
    with allowed(stage, "-@write"):
        yield


@fault(STOPPED, COLD)
def not_allowed_to_read(stage: Stage) -> Iterator[None]:
    with allowed(stage, "-@read"):
        yield


@fault(STOPPED, COLD)
def busy_with_a_script(stage: Stage) -> Iterator[None]:
    def script() -> None:
        with suppress(RedisError):
            stage.redis.eval("while true do end", 0)

    with configured(stage, "busy-reply-threshold", "10"):
        thread = threading.Thread(target=script)
        thread.start()
        time.sleep(0.1)
        yield
        stage.redis.execute_command("SCRIPT", "KILL")
        # It ends at its next hook only.
        while_busy = retry_if_exception_type(RedisError)
        Retrying(retry=while_busy, stop=stop_after_delay(5), wait=wait_fixed(0.01), reraise=True)(stage.redis.ping)
        thread.join()


@fault(RACY, RACY)
def values_corrupted(stage: Stage) -> Iterator[None]:
    def spoil() -> None:
        for key in stage.redis.scan_iter():
            stage.redis.set(key, b"\x80not a pickle", xx=True, ex=5)

    with repeating(spoil):
        yield
    stage.redis.flushall()


@fault(WARM, WARM)
def database_locked(stage: Stage) -> Iterator[None]:
    path = stage.environ["EXAMPLE_DB"]
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    with later(2.5, connection.close):
        yield


@contextmanager
def later(seconds: float, action: Callable[[], object]) -> Iterator[None]:
    """Do it in so many seconds; the block does not end before."""
    timer = threading.Timer(seconds, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@contextmanager
def repeating(action: Callable[[], object], every_s: float = 0.1) -> Iterator[None]:
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every_s):
            with suppress(RedisError):
                action()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def configured(stage: Stage, name: str, value: str) -> Iterator[None]:
    before = stage.redis.config_get(name)[name]
    stage.redis.config_set(name, value)
    try:
        yield
    finally:
        stage.redis.config_set(name, before)


@contextmanager
def allowed(stage: Stage, *rules: str) -> Iterator[None]:
    """With connections of others under these rules; ours is a user of its own."""
    stage.redis.execute_command("ACL", "SETUSER", "default", *rules)
    try:
        yield
    finally:
        stage.redis.execute_command("ACL", "SETUSER", "default", "+@all")


@pytest.mark.parametrize("name", FAULTS)
def test_a_run_under_this_fault(stage: Stage, kind: str, name: str) -> None:
    make, for_crawl, for_command = FAULTS[name]
    stage.redis.flushall()
    try:
        with contextmanager(make)(stage), stage.watched():
            done = stage.finish(stage.start(kind))
    finally:
        stage.heal()
    assert done.code in (for_crawl if kind == "crawl" else for_command), done.output[-2500:]
    stage.assert_unharmed(done)
    again = stage.finish(stage.start(kind))
    assert again.code == 0, again.output[-2500:]
