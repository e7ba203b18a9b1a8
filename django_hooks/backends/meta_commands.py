"""Memcached's meta commands, many in one round trip, over the connection of a pymemcache client."""

from __future__ import annotations

import socket
from typing import Any, Final

from pymemcache.exceptions import MemcacheError, MemcacheUnexpectedCloseError

_END: Final = b"mn\r\n"
_MARK: Final = b"MN\r\n"
"""What a server answers to `_END`: all that was said before is complete."""


def answer(client: Any, commands: bytes, at_least: int = 0) -> bytes:
    """What the server says to some commands.

    Args:
        client: connected or not.
        commands: without the last line end.
        at_least: bytes that the answer has in any case; they are waited for in one piece.

    Raises:
        MemcacheError: it knows no meta commands. Also OSError.
    """
    if client.sock is None:
        client.version()  # which connects
    try:
        client.sock.sendall(commands + b"\r\n" + _END)
        return _received(client.sock, at_least + len(_MARK))
    except BaseException:
        client.close()  # The rest of an answer must not be taken for that of the next call.
        raise


def checked(received: bytes) -> list[bytes]:
    """The lines of an answer.

    Raises:
        MemcacheError: one of them is an error.
    """
    lines = received.split(b"\r\n")[:-1]
    for line in lines:
        if line.startswith((b"SERVER_ERROR", b"CLIENT_ERROR", b"ERROR")):
            raise MemcacheError(line.decode("ascii", "replace"))
    return lines


def lines_of(client: Any, commands: list[bytes]) -> list[bytes]:
    """The answers to a batch of commands; to quiet ones, those that are exceptions.

    Raises:
        MemcacheError: the server answered one of them with an error, or knows no meta commands.
    """
    return checked(answer(client, b"\r\n".join(commands))) if commands else []


def values_of(client: Any, commands: list[bytes]) -> list[tuple[bytes, int] | None]:
    """What commands of the form ``mg KEY v f`` find: bytes and flags, ``None`` where there are none.

    Raises:
        MemcacheError: the server answered with an error.
    """
    received = answer(client, b"\r\n".join(commands)) if commands else b""
    values: list[tuple[bytes, int] | None] = []
    start = 0
    for _ in commands:
        end = received.index(b"\r\n", start)
        line = received[start:end]
        start = end + 2
        if line == b"EN":
            values.append(None)
            continue
        word, *rest = line.split()  # VA 523 f16
        if word != b"VA":
            raise MemcacheError(line.decode("ascii", "replace"))
        end = start + int(rest[0])
        values.append((received[start:end], int(rest[1][1:])))
        start = end + 2
    return values


def _received(sock: Any, at_least: int) -> bytes:
    # Client.raw_command would do this, but loses what comes before the last piece of a long answer.
    pieces: list[bytes] = []
    tail = b""
    while not (tail == _MARK or tail.endswith(b"\n" + _MARK)):
        if not (piece := sock.recv(1 << 16) if pieces else sock.recv(at_least, socket.MSG_WAITALL)):
            raise MemcacheUnexpectedCloseError
        if not pieces and piece.startswith(b"ERROR"):
            raise MemcacheError("this server knows no meta commands: Memcached 1.6 or newer is needed")
        pieces.append(piece)
        tail = (tail + piece)[-len(_MARK) - 1 :]
    return b"".join(pieces)[: -len(_MARK)]
