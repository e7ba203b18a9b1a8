"""From a planned request to a Scrapy request: exactly a visitor's headers, for exactly that URL.

The ticket is not added here but when the request is sent (`crawler.politeness`): its time runs from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from scrapy import Request
from scrapy.http import Headers

from url_manifests.protocol import TICKET_HEADER, Purpose, Ticket, sign_ticket

from .download import KEEP_BYTES, TLS_NAME
from .plan import Planned
from .target import Target
from .wire import wire_target

WIRE: Final = "warm_wire"
"""Key in ``Request.meta`` under which the `Wire` of a request lies; requests without one are not part of the crawl."""
SENT_AT: Final = "warm_sent_at"
"""Key in ``Request.meta``: when the request was really sent, after all waiting, on the monotonic clock."""

_EXPIRY_SLACK_S: Final = 60
"""The site's clock may be behind or ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What a ticket for a request is signed over, and how often the request was tried."""

    host: str
    target: str
    purpose: Purpose = Purpose.WARM
    attempt: int = 1
    route: str = ""
    """What it is compared with, when its latency is looked at."""


def build_request(
    planned: Planned, target: Target, *, timeout_s: float, purpose: Purpose = Purpose.WARM, keep_bytes: int = 0
) -> Request:
    """A GET of one planned URL, as a visitor of its variant sends it.

    Args:
        keep_bytes: so much of the body is wanted, from its beginning.
    """
    entry = planned.entry
    request = Request(
        target.connect_url(entry.url),
        # `verbatim_url`: Scrapy must not quote the URL in its own way, Django's page key hashes it as it is.
        meta={
            WIRE: Wire(
                host=entry.host or target.host, target=wire_target(entry.url), purpose=purpose, route=entry.route
            ),
            TLS_NAME: target.tls_name_of(entry.host),
            "verbatim_url": True,
            "download_timeout": timeout_s,
            KEEP_BYTES: keep_bytes,
        },
    )
    request.headers = Headers()
    # What is the same for each page of a variant is brought into Scrapy's form once: that takes as long as the rest.
    made = _in_scrapys_form((*target.headers(entry.host), *planned.headers))
    dict.update(request.headers, {name: values.copy() for name, values in made.items()})
    return request


@lru_cache(maxsize=256)
def _in_scrapys_form(headers: tuple[tuple[str, str], ...]) -> dict[bytes, list[bytes]]:
    return dict(dict.items(Headers(headers)))


def ticket_header(wire: Wire, *, run_id: str, secret: str, now_s: float, timeout_s: float) -> tuple[str, str]:
    """Name and value of the header that makes the site trace this request."""
    expires_at_s = int(now_s + timeout_s + _EXPIRY_SLACK_S)
    ticket = Ticket(run_id=run_id, purpose=wire.purpose, expires_at_s=expires_at_s)
    return TICKET_HEADER, sign_ticket(ticket, secret=secret, host=wire.host, target=wire.target)
