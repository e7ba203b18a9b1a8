"""Sends warm requests as the crawler does, and reads what the site tells."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.http import HttpResponse
from django.test import Client

from url_manifests.protocol import TICKET_HEADER, TRACE_HEADER, Purpose, Ticket, sign_ticket
from url_manifests.traces import KeyEvent, KeyKind, Trace, decode_trace

SECRET = "a-secret-of-the-tests-only-" + "s" * 16
HOST = "shop.example"


def ticket(target: str, *, host: str = HOST, secret: str = SECRET, purpose=Purpose.WARM, lives_s: int = 60) -> str:
    """A header value for one GET request."""
    made = Ticket(run_id="run-1", purpose=purpose, expires_at_s=int(time.time()) + lives_s)
    return sign_ticket(made, secret=secret, host=host, target=target)


def warm_headers(target: str, **options) -> dict[str, str]:
    return {"host": HOST, TICKET_HEADER: ticket(target, **options)}


@dataclass
class Answer:
    response: HttpResponse
    trace: Trace | None

    def events(self, kind: KeyKind) -> list[KeyEvent]:
        return [key.event for key in self.trace.keys if key.kind is kind]

    @property
    def pages(self) -> list[KeyEvent]:
        return self.events(KeyKind.PAGE)

    @property
    def parts(self) -> list[KeyEvent]:
        return self.events(KeyKind.PART)


def read(response: HttpResponse) -> Answer:
    header = response.headers.get(TRACE_HEADER)
    return Answer(response, decode_trace(header) if header else None)


def warm(target: str, *, client: Client | None = None, headers: dict[str, str] | None = None, **options) -> Answer:
    """GET ``target`` with a valid ticket."""
    return read((client or Client()).get(target, headers={**warm_headers(target, **options), **(headers or {})}))
