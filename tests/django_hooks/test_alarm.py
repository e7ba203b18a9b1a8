"""What never ends by itself ends at the deadline: a service behind a value that does not answer."""

from __future__ import annotations

import asyncio
import signal
import socket
import time

import pytest

from django_hooks.warmers import CacheEntry, register

from .commands import command


@pytest.fixture
def silent():
    """The address of a service that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def ask(address):
    with socket.create_connection(address) as connection:
        return connection.recv(10)


async def ask_async(address):
    reader, writer = await asyncio.open_connection(*address)
    try:
        return await reader.read(10)
    finally:
        writer.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("service", [ask, ask_async])
def test_a_value_that_never_comes_ends_at_the_deadline_and_the_others_are_there(own, silent, service, mode):
    @register("figures", timeout=60, priority=0)
    def figures():
        yield CacheEntry(key="figure", compute=lambda: service(silent))

    began_s = time.monotonic()
    code, output, _ = command("--only", "figures", "--only", "numbers", "--deadline", "2", "--mode", mode)
    assert time.monotonic() - began_s < 8
    assert code == 3
    assert "1 compute-failed: figures:figure" in output
    assert "3 stored" in output
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_entries_that_never_come_do_too(own, silent):
    @register("endless", timeout=60, priority=5)
    def endless():
        ask(silent)
        yield CacheEntry(key="x", value=1)

    began_s = time.monotonic()
    assert command("--only", "endless", "--deadline", "1")[0] == 3
    assert time.monotonic() - began_s < 6
