"""Redis commands with a thousand keys, put together in one piece: redis-py takes longer for a key than the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def ask(client: Any, command: str, keys: Sequence[str]) -> Any:
    """The server's answer to one command, over a connection of the client's pool.

    Args:
        client: of redis-py, for one server.
        command: such as ``EXISTS``.
        keys: its arguments.

    Raises:
        RedisError: whatever the client itself raises.
    """
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_packed_command([_packed([command, *keys])])
        return connection.read_response()
    except BaseException:
        connection.disconnect()  # The rest of an answer must not be taken for that of the next command.
        raise
    finally:
        pool.release(connection)


def _packed(words: Sequence[str]) -> bytes:
    if "".join(words).isascii():
        return (f"*{len(words)}\r\n" + "".join([f"${len(word)}\r\n{word}\r\n" for word in words])).encode()
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded])
