"""A small site that speaks the protocol, keeps pages and parts in a dictionary, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from url_manifests.lease import LEASE_HEADER, LEASE_PATH, LeaseAnswer, LeaseClaim, LeaseState
from url_manifests.protocol import (
    REFUSAL_HEADER,
    SITE_HEADER,
    TICKET_HEADER,
    TRACE_HEADER,
    Purpose,
    Ticket,
    TicketRefusedError,
    check_ticket,
)
from url_manifests.traces import KeyEvent, KeyKind, SiteView, Trace, TracedKey, encode_site_view, encode_trace

SECRET = "a-secret-for-tests-0123456789abcdef"

_STATUS_LINES = {200: "OK", 302: "Found", 400: "Bad Request", 404: "Not Found", 500: "Error", 503: "Busy"}


@dataclass
class FakeSite:
    """What the path begins with decides what happens; see `respond`."""

    secret: str = SECRET
    has_middleware: bool = True
    scheme_header: str = "x-forwarded-proto"
    scheme: str = "http"
    """What it believes when no header says otherwise."""
    release: str = ""
    ready: list[str] = field(default_factory=list)
    """What /healthz does, request by request, before it answers 200: a status, or ``login``."""
    latency_s: float = 0.0
    seen: list[bytes] = field(default_factory=list)
    """The raw head of each request."""
    times: list[float] = field(default_factory=list)
    url: str = ""
    keeps_heads: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    """What every trace says beside its keys."""
    holds: int = 10_000
    """So many keys, and no more: the oldest is thrown out."""
    next_releases: list[str] = field(default_factory=list)
    """The releases that answer, request by request, before `release` does."""
    bodies: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Target → Content-Encoding and HTML of a page."""
    cache_is_down: bool = False
    """Every page is computed, and its trace says that it was not kept."""
    keeps_leases: bool = True
    lease_ttl_s: float = 60
    lease_of_another: str = ""
    claims: list[tuple[str, LeaseClaim]] = field(default_factory=list)
    """Purpose and claim of each request about the lease; they are in none of the other lists."""
    _store: dict[str, None] = field(default_factory=dict)
    _asked: Counter[str] = field(default_factory=Counter)

    @property
    def paths(self) -> list[str]:
        """Path and query of each request but those for /healthz."""
        paths = [head.split(b" ", 2)[1].decode() for head in self.seen]
        return [path for path in paths if path != "/healthz"]

    def forget(self) -> None:
        """As a deploy does: empty caches."""
        self._store.clear()
        self._asked.clear()
        self.seen.clear()
        self.times.clear()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b" " + LEASE_PATH.encode() in head:
                    await self._lease(head, writer)
                    continue
                if self.keeps_heads:
                    self.seen.append(head)
                self.times.append(time.monotonic())
                if not await self._answer(head, writer):
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        target = request_line.split(" ")[1]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self._asked[target] += 1
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if target == "/healthz":
            return await self._health(writer)
        if (kind := target.split("/")[1]) in _FAULTS:
            return await _FAULTS[kind](self, target, writer)
        status, extra, trace = self.respond(target, self._asked[target], headers)
        if self.extra:
            trace = replace(trace, extra=self.extra)
        if self.cache_is_down:
            self._store.clear()
            keys = tuple(replace(key, event=KeyEvent.LOST) for key in trace.keys)
            trace = replace(trace, keys=keys, reason="cache-down")
        is_refusal = any(line.startswith(REFUSAL_HEADER) for line in extra)
        encoding, body = self.bodies.get(target, ("", b"<p>Hello</p>"))
        extra = [*extra, f"Content-Encoding: {encoding}"] if encoding else extra
        await _send(writer, status, extra if is_refusal else [*extra, *self._observed(target, headers, trace)], body)
        return True

    async def _lease(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        target = head.split(b" ", 2)[1].decode()
        lines = [line.partition(": ") for line in head.decode("latin-1").rstrip("\r\n").split("\r\n")[1:]]
        ticket = self._ticket(target, {name.lower(): value for name, _, value in lines})
        if ticket is None or not self.keeps_leases:
            await _send(writer, 404, [])
            return
        claim = LeaseClaim.read(target.partition("?")[2])
        self.claims.append((str(ticket.purpose), claim))
        if ticket.purpose is Purpose.RELEASE:
            answer = LeaseAnswer(state=LeaseState.RELEASED)
        elif self.lease_of_another:
            answer = LeaseAnswer(state=LeaseState.OTHER, ttl_s=60, holder=self.lease_of_another, since_s=1_795_000_000)
        else:
            answer = LeaseAnswer(state=LeaseState.HELD, ttl_s=self.lease_ttl_s)
        await _send(writer, 200, [f"{LEASE_HEADER}: {answer.encode()}"])

    async def _health(self, writer: asyncio.StreamWriter) -> bool:
        answer = self.ready.pop(0) if self.ready else "200"
        if answer == "login":
            await _send(writer, 302, ["Location: /accounts/login/?next=/healthz"])
        else:
            await _send(writer, int(answer), [])
        return True

    def _observed(self, target: str, headers: dict[str, str], trace: Trace) -> list[str]:
        ticket = self._ticket(target, headers)
        if ticket is None:
            return []
        lines = [f"{TRACE_HEADER}: {encode_trace(trace)}"]
        if ticket.purpose is Purpose.HELLO:
            lines.append(f"{SITE_HEADER}: {encode_site_view(self._view(target, headers))}")
        return lines

    def _ticket(self, target: str, headers: dict[str, str]) -> Ticket | None:
        value = headers.get(TICKET_HEADER.lower())
        if value is None or not self.has_middleware:
            return None
        try:
            return check_ticket(
                value, secrets=[self.secret], method="GET", host=headers["host"], target=target, now_s=time.time()
            )
        except TicketRefusedError:
            return None

    def _view(self, target: str, headers: dict[str, str]) -> SiteView:
        scheme = headers.get(self.scheme_header, self.scheme)
        return SiteView(
            absolute_uri=f"{scheme}://{headers['host']}{target}",
            language="en",
            time_zone="UTC",
            django="6.1.3",
            release=self.next_releases.pop(0) if self.next_releases else self.release,
            worker="1",
            aliases={"default": "django.core.cache.backends.db.DatabaseCache"},
        )

    def respond(self, target: str, times: int, headers: dict[str, str]) -> tuple[int, list[str], Trace]:
        """Status, headers and trace by the first piece of the path; anything else is a page that is cached."""
        kind = target.split("/")[1]
        if times == 1:
            kind = kind.removeprefix("once-")
        if kind in ("personal", "leaky"):
            return (
                200,
                ["Vary: Cookie", "Content-Type: text/html"],
                self._for_session(kind, target, headers.get("cookie", "")),
            )
        if kind == "private":  # the page may not be cached, its fragment is
            keys = self._touch(KeyKind.PART, f"fragment:{target}")
            return 200, ["Cache-Control: private"], Trace(keys=keys, reason="private")
        if kind == "lost":
            keys = (TracedKey(alias="default", key=target, event=KeyEvent.LOST, kind=KeyKind.PAGE),)
            return 200, [], Trace(keys=keys)
        if kind in _PLAIN and times > _SOUND_FOR.get(kind, 0):
            return _PLAIN[kind]
        language = "" if kind == "same" else headers.get("accept-language")
        keys = self._touch(KeyKind.PAGE, f"page:{language}:{target}")
        return 200, ["Content-Type: text/html"], Trace(keys=keys)

    def _for_session(self, kind: str, target: str, session: str) -> Trace:
        if kind == "personal":  # kept under the session, with a fragment that the role shares
            pages = self._touch(KeyKind.PAGE, f"page:{session}:{target}")
            return Trace(keys=(*pages, *self._touch(KeyKind.PART, "fragment:role")))
        # Kept for everybody, whoever asked first.
        is_stored = f"page:{target}" in self._store
        keys = self._touch(KeyKind.PAGE, f"page:{target}")
        leak = [{"alias": "default", "key": f"page:{target}", "persona": "trade"}]
        return Trace(keys=keys, extra={"leak": leak} if is_stored and "s-trade" not in session else {})

    def _touch(self, kind: KeyKind, key: str) -> tuple[TracedKey, ...]:
        event = KeyEvent.HIT if key in self._store else KeyEvent.STORED
        if event is KeyEvent.STORED:
            self._store[key] = None
            while len(self._store) > self.holds:
                del self._store[next(iter(self._store))]
        return (TracedKey(alias="default", key=key, event=event, kind=kind),)


_PLAIN = {
    "busy": (503, ["Retry-After: 1"], Trace()),
    "interrupted": (500, [], Trace(reason="cache-interrupted")),
    "reserved": (503, ["Retry-After: 20", f"{REFUSAL_HEADER}: busy; latency_ratio 3 of 2"], Trace()),  # for visitors
    "stopped": (503, [f"{REFUSAL_HEADER}: stop; maintenance"], Trace()),
    "never": (200, [], Trace(reason="no-store")),
    "moved": (302, ["Location: /page/1/?token=abc"], Trace(reason="redirect")),
    "members": (302, ["Location: /accounts/login/?next=/members/"], Trace(reason="redirect")),
    "missing": (404, [], Trace(reason="status")),
    "broken": (500, [], Trace(reason="status")),
    "half-broken": (500, [], Trace()),
    "breaks-later": (500, [], Trace(reason="status")),
}
_SOUND_FOR = {"half-broken": 1, "breaks-later": 2}
"""So many times it is a page like any other; after two it has been proven warm."""


async def _send(writer: asyncio.StreamWriter, status: int, lines: list[str], body: bytes = b"<p>Hello</p>") -> None:
    head = [f"HTTP/1.1 {status} {_STATUS_LINES[status]}", f"Content-Length: {len(body)}", *lines, "", ""]
    writer.write("\r\n".join(head).encode("latin-1") + body)
    await writer.drain()


async def _slow(site: FakeSite, target: str, writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(30)
    return False


async def _huge(site: FakeSite, target: str, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(5)
    return False


async def _endless(site: FakeSite, target: str, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        await writer.drain()


async def _cut(site: FakeSite, target: str, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nonly this")
    await writer.drain()
    return False


async def _reset(site: FakeSite, target: str, writer: asyncio.StreamWriter) -> bool:
    writer.transport.abort()
    return False


async def _garbage(site: FakeSite, target: str, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"this is not HTTP at all\r\n\r\n")
    await writer.drain()
    return False


async def _drip(site: FakeSite, target: str, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


_BOMB = zlib.compress(bytes(50_000_000))
_OK = b"HTTP/1.1 200 OK\r\n"
_RAW = {
    "bomb": _OK + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(_BOMB) + _BOMB,
    "bad-chunk": _OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n",
    "no-colon": _OK + b"this is no header\r\nContent-Length: 2\r\n\r\nok",
    "bad-length": _OK + b"Content-Length: many\r\n\r\nok",
    "two-lengths": _OK + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\nok",
    "policy": _OK + b"Content-Security-Policy: " + b"x" * 20_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "long-header": _OK + b"X-Long: " + b"x" * 100_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "no-status": b"HTTP/1.1 \r\n\r\n",
    "status-999": b"HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\nok",
    "trace-bomb": _OK
    + TRACE_HEADER.encode()
    + b": "
    + base64.b64encode(zlib.compress(bytes(5_000_000)))
    + b"\r\nContent-Length: 2\r\n\r\nok",
    "trace-junk": _OK + TRACE_HEADER.encode() + b": \xff\xfe\r\nContent-Length: 2\r\n\r\nok",
    "too-much": _OK + b"Content-Length: 2\r\n\r\nok, and much more than was promised",
    "loop": b"HTTP/1.1 302 Found\r\nLocation: /loop/\r\nContent-Length: 0\r\n\r\n",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/x\r\nContent-Length: 0\r\n\r\n",
    "bad-location": b"HTTP/1.1 302 Found\r\nLocation: http://[\xff\r\nContent-Length: 0\r\n\r\n",
}


async def _raw(site: FakeSite, target: str, writer: asyncio.StreamWriter) -> bool:
    writer.write(_RAW[target.split("/")[1]])
    await writer.drain()
    return False


_FAULTS = (
    dict.fromkeys(_RAW, _raw)
    | {"drip": _drip}
    | {"slow": _slow, "huge": _huge, "endless": _endless, "cut": _cut, "cut-off": _reset, "garbage": _garbage}
)


@contextmanager
def serving(site: FakeSite, tls: ssl.SSLContext | None = None) -> Iterator[FakeSite]:
    """Run a site in a thread, on a free port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(site.handle, "127.0.0.1", 0, ssl=tls))
    site.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        asyncio.run_coroutine_threadsafe(_shut_down(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _shut_down(server: asyncio.Server) -> None:
    server.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
