"""A TCP relay in a thread of its own, that can be told to refuse, to delay, to cut, and to answer nonsense."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 1 << 16


@dataclass
class Relay:
    """Hands on what comes to ``port`` to a server at ``target_port`` of this machine."""

    target_port: int
    port: int = 0
    refuses: bool = False
    hangs: bool = False
    """Takes what comes, and hands on nothing."""
    delay_s: float = 0.0
    """Before each piece in either direction."""
    cuts_after_bytes: int | None = None
    """Of answers, over all connections; then it breaks all of them and refuses new ones."""
    says: bytes = b""
    """In place of every answer."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None

    def heal(self) -> None:
        """Be a good relay again, with new connections only."""
        self.refuses, self.hangs, self.delay_s, self.cuts_after_bytes, self.says = False, False, 0.0, None, b""
        self.cut()

    def cut(self) -> None:
        """Break all connections."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(5)

    async def _cut(self) -> None:
        self._abort()

    def _abort(self) -> None:
        for writer in self._writers.copy():
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        self._writers |= {writer, server_writer}
        ways = (
            self._hand_on(reader, server_writer, is_answer=False),
            self._hand_on(server_reader, writer, is_answer=True),
        )
        with suppress(ConnectionError):
            await asyncio.gather(*ways)
        self._writers -= {writer, server_writer}

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        try:
            while piece := await reader.read(_CHUNK):
                if self.hangs:
                    continue
                await asyncio.sleep(self.delay_s)
                writer.write(self._answer(piece) if is_answer else piece)
                await writer.drain()
        finally:
            writer.close()

    def _answer(self, piece: bytes) -> bytes:
        if self.cuts_after_bytes is None:
            return self.says or piece
        self.cuts_after_bytes -= len(piece)
        if self.cuts_after_bytes > 0:
            return piece
        self.refuses, self.cuts_after_bytes = True, None
        self._abort()
        raise ConnectionResetError


@contextmanager
def relaying(target_port: int) -> Iterator[Relay]:
    """A relay, until the block ends."""
    relay = Relay(target_port)
    ready = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(relay._serve, "127.0.0.1", 0)
        relay.port = server.sockets[0].getsockname()[1]
        relay._loop = asyncio.get_running_loop()
        ready.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        server.close()
        await relay._cut()

    thread = threading.Thread(target=lambda: asyncio.run(_until_stopped(serve)), daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield relay
    finally:
        assert relay._loop is not None
        relay._loop.call_soon_threadsafe(_stop)
        thread.join(5)


_tasks: list[asyncio.Task[None]] = []


async def _until_stopped(serve) -> None:  # type: ignore[no-untyped-def]
    task = asyncio.ensure_future(serve())
    _tasks.append(task)
    await task


def _stop() -> None:
    _tasks.pop().cancel()
