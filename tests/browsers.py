"""Visitors: a real Chromium and what it sends, and requests with exactly the headers of other browsers."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from playwright.sync_api import sync_playwright

BACKGROUND_OFF = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
"""Root needs no sandbox; the rest keeps Chromium from calling home."""


class _Listening(BaseHTTPRequestHandler):
    """Keeps the headers of each request, in their order."""

    seen: list[dict[str, str]]

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers.items()))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to print."""


@contextmanager
def listening() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server's URL, and the headers that it gets."""
    seen: list[dict[str, str]] = []
    with HTTPServer(("127.0.0.1", 0), type("Handler", (_Listening,), {"seen": seen})) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", seen
        server.shutdown()
        thread.join()


def headers_of_chromium(executable: str) -> dict[str, str]:
    """What this build sends with a navigation on this machine, in its order.

    Over plain http that is what it sends over https only to a loopback address: to others it offers fewer encodings.
    """
    with listening() as (url, seen), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=BACKGROUND_OFF)
        browser.new_page().goto(url, wait_until="commit")
        browser.close()
    return seen[0]


@dataclass(frozen=True)
class Answer:
    """What a visitor got."""

    status: int
    body: str
    is_hit: bool
    """Django's page cache adds Age to what it serves from its store, and to nothing else."""


def ask(port: int, host: str, url: str, headers: Mapping[str, str], method: str = "GET") -> Answer:
    """Ask with these headers and no others; the body is text only where it came uncompressed."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.putrequest(method, url, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": host, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
        return Answer(response.status, body, response.getheader("Age") is not None)
