"""The kernel's own count of those who wait, without touching the socket."""

from __future__ import annotations

import os
import socket

from django_hooks.backlog import SEARCH_EVERY_S, Backlog


def test_those_who_wait_are_counted_and_the_socket_is_left_alone(tmp_path):
    now_s = [0.0]
    backlog = Backlog(lambda: now_s[0])
    quiet = backlog.waiting()
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    clients = [socket.create_connection(server.getsockname()) for _ in range(quiet + 12)]
    assert backlog.waiting() == quiet  # it has not looked again
    now_s[0] += SEARCH_EVERY_S
    assert backlog.waiting() == quiet + 12
    for client in clients:
        server.accept()[0].close()
        client.close()
    assert backlog.waiting() == quiet
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above
    port = server.getsockname()[1]
    server.close()
    assert backlog.waiting() == quiet
    socket.create_server(("127.0.0.1", port)).close()  # nobody keeps it open


def test_other_descriptors_and_unix_sockets_are_passed_over(tmp_path):
    with socket.socket(socket.AF_UNIX) as server, (tmp_path / "file").open("w"):
        server.bind(str(tmp_path / "s"))
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "s"))
            assert Backlog().waiting() >= 0
