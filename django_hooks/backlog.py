"""How many connections wait at this server's own listening socket for a worker to be free.

A worker that answers one request at a time sees nothing of those that wait: they are neither under way nor slow, to
it. The kernel knows, and tells the owner of the socket. All workers of a server share that socket, so this is about
the whole of it. Linux and TCP only; elsewhere nothing is known, and nothing said.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Final

SEARCH_EVERY_S: Final = 10.0
_UNACKED: Final = struct.Struct("24xI")
"""Of the kernel's ``struct tcp_info``: eight bytes, four numbers, and then, for a listening socket, who waits."""


class Backlog:
    """Finds the process's listening sockets, and asks them.

    Args:
        clock: monotonic seconds; tests pass their own.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._found: list[int] = []
        self._searched_at_s = float("-inf")

    def waiting(self) -> int:
        """Connections that nobody has accepted yet, at the fullest of the sockets."""
        if not sys.platform.startswith("linux"):
            return 0
        if self._clock() - self._searched_at_s >= SEARCH_EVERY_S:
            self._searched_at_s = self._clock()
            self._found = [number for number in _descriptors() if _waiting(number) is not None]
        return max((_waiting(number) or 0 for number in self._found), default=0)


def _descriptors() -> Iterator[int]:
    for path in Path("/proc/self/fd").iterdir():
        yield int(path.name)


def _waiting(descriptor: int) -> int | None:
    """Who waits at a listening TCP socket; ``None`` for anything else, as a number may be something else by now."""
    try:
        # Neither a copy nor an owner: a copy would keep the port open when the server closes it.
        borrowed = socket.socket(fileno=descriptor)
    except OSError:
        return None
    try:
        if borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            (count,) = _UNACKED.unpack(borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.size))
            return int(count)
    except OSError:
        return None  # a Unix socket
    finally:
        borrowed.detach()
    return None
