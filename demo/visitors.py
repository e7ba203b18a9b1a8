"""Seeded visitors with a Zipf-like taste and real browsers' headers, and what they measured."""

from __future__ import annotations

import http.client
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from .deployment import PUBLIC_HOST

BROWSERS = {
    "chrome": {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
        "Safari/537.36",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "en-US,en;q=0.9",
    },
    "firefox": {
        "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "de,en-US;q=0.7,en;q=0.3",
    },
    "safari": {
        "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/19.0 Safari/605.1.15",
        "Accept-Encoding": "gzip, deflate, br",
        "Accept-Language": "en-GB,en;q=0.9",
    },
}
BROWSER_SHARES = (0.6, 0.15, 0.25)
ZIPF_EXPONENT = 0.65
"""Popularity of the n-th URL is n to the minus this: a shop with a long tail, in which few visitors meet."""
CLIENT_THREADS = 2

OTHER_TARGETS = [
    f"/{language}/{page}"
    for language in ("en", "de")
    for page in (
        *("", "journal/", "search/?q=linen", "search/?q=oak", "search/?q=wool&sort=rating", "c/bedroom/?page=2"),
        # None of these is ever stored, each for another reason.
        *("contact/", "delivery/", "sale/", "offers/", "basket/"),
    )
]
"""What visitors ask for beside the pages of the sitemap."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that a visitor made."""

    target: str
    elapsed_ms: float
    status: int
    is_cacheable: bool
    is_hit: bool


def listed_targets(port: int) -> list[str]:
    """Every path in the site's sitemap."""
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        body = _get(connection, "/sitemap.xml", "https", {})[1]
    return [urlsplit(tag.text).path for tag in BeautifulSoup(body, "xml").find_all("loc")]


def plan(targets: Sequence[str], requests: int, seed: int) -> list[tuple[str, str]]:
    """``requests`` pairs of target and browser. Visitors differ by seed, their taste does not."""
    by_popularity = sorted(targets)
    random.Random("taste").shuffle(by_popularity)
    weights = list(accumulate((rank + 1) ** -ZIPF_EXPONENT for rank in range(len(by_popularity))))
    visitor = random.Random(seed)
    chosen = visitor.choices(by_popularity, cum_weights=weights, k=requests)
    browsers = visitor.choices(list(BROWSERS), weights=BROWSER_SHARES, k=requests)
    return list(zip(chosen, browsers, strict=True))


def send(port: int, requests: Sequence[tuple[str, str]], scheme: str = "https") -> list[Visit]:
    """Send the requests from a few threads over kept connections; the visits in the order of their planning."""
    shares = [range(n, len(requests), CLIENT_THREADS) for n in range(CLIENT_THREADS)]
    with ThreadPoolExecutor(CLIENT_THREADS) as pool:
        done = pool.map(lambda share: _send_some(port, [requests[n] for n in share], scheme), shares)
        visits = dict(pair for share, some in zip(shares, done, strict=True) for pair in zip(share, some, strict=True))
    return [visits[n] for n in range(len(requests))]


def _send_some(port: int, requests: Iterable[tuple[str, str]], scheme: str) -> list[Visit]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        return [_visit(connection, target, scheme, browser) for target, browser in requests]


def _visit(connection: http.client.HTTPConnection, target: str, scheme: str, browser: str) -> Visit:
    start_s = time.perf_counter()
    response, _ = _get(connection, target, scheme, BROWSERS[browser])
    elapsed_ms = (time.perf_counter() - start_s) * 1000
    directives = (response.getheader("Cache-Control") or "").lower()
    return Visit(
        target=target,
        elapsed_ms=elapsed_ms,
        status=response.status,
        # Django's page cache adds both headers to what it stores, and Age to what it serves from the store.
        is_cacheable=response.getheader("Expires") is not None and "no-cache" not in directives,
        is_hit=response.getheader("Age") is not None,
    )


def _get(
    connection: http.client.HTTPConnection, target: str, scheme: str, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    # What a proxy in front would say; the site trusts this one header.
    connection.request("GET", target, headers={"Host": PUBLIC_HOST, "X-Forwarded-Proto": scheme, **headers})
    response = connection.getresponse()
    return response, response.read()


@dataclass(frozen=True, slots=True)
class Measured:
    """A stream of visits, summed up."""

    hit_rate: float
    """Hits among the requests for cacheable pages."""
    p50_ms: float
    p95_ms: float
    first_visit_ms: float
    """Mean time of the first request for each page: what the first visitor after a deploy pays."""
    requests: int
    uncacheable: Counter[tuple[str, int]]
    """Requests by target and status, for pages that are never stored."""


def measure(visits: Sequence[Visit]) -> Measured:
    """Sum up a stream of visits."""
    cacheable = [visit for visit in visits if visit.is_cacheable]
    times_ms = sorted(visit.elapsed_ms for visit in visits)
    firsts = {visit.target: visit.elapsed_ms for visit in reversed(visits)}
    return Measured(
        hit_rate=sum(visit.is_hit for visit in cacheable) / max(len(cacheable), 1),
        p50_ms=statistics.median(times_ms),
        p95_ms=times_ms[int(len(times_ms) * 0.95)],
        first_visit_ms=statistics.fmean(firsts.values()),
        requests=len(visits),
        uncacheable=Counter((visit.target, visit.status) for visit in visits if not visit.is_cacheable),
    )
