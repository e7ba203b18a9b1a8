"""A seeded access log as a shop's web server writes it, for measuring speed and forecasts.

What makes it honest: hundreds of thousands of visitors' addresses (a log of few flatters programs that keep a table of
visitors), some hundred browsers and bots, referrers, query strings, tracking parameters of one visit each, errors,
redirects and posts; pages of a Zipf-like popularity with a long tail. From day to day the tastes drift: every page's
popularity takes a random walk, new pages rise within hours and fade over days, and some are read on one weekday only.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import exp
from pathlib import Path

START = datetime(2025, 11, 3, tzinfo=UTC)  # a Monday
_BY_HOUR = [1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 9, 9, 9, 9, 9, 8, 8, 9, 9, 7, 4, 2]
_WORDS = (
    "amber", "brass", "cedar", "delta", "ember", "fjord", "glass", "heron", "ivory", "jade", "kiln", "linen", "maple",
    "north", "ocean", "pearl", "quill", "river",
)  # fmt: skip
_SECTIONS = ("lamp", "chair", "guide", "offer", "story", "brand", "shop/outdoor", "blog/living")
_WEEKLY, _NEW = 0.1, 0.15
"""Shares of the pages that are read on one weekday only, and that were made during the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Whose log it is."""

    pages: int = 200_000
    visitors: int = 400_000
    zipf: float = 1.0
    """Exponent: 1 is a usual site, less has a heavier tail."""
    drift: float = 0.06
    """Standard deviation of the daily change of a page's popularity, as a factor's logarithm."""
    fading_days: float = 2.0
    """After so many days a new page is read half as much."""
    seed: int = 1
    visits_each: int = 0
    """Every page is asked for at least so often, evenly over the days; the rest of the lines by popularity."""


def agents() -> list[str]:
    """Some hundred user agents, the commonest first."""
    found = []
    for version in range(150, 100, -1):
        chrome = f"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0"
        webkit = f"AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{version // 6}.0 Mobile/15E148 Safari/604.1"
        found += [
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36",
            f"Mozilla/5.0 (Linux; Android 10; K) {chrome} Mobile Safari/537.36",
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0",
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_{version % 8} like Mac OS X) {webkit}",
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {chrome} Safari/537.36 Edg/{version}.0.0.0",
            f"Mozilla/5.0 (compatible; ExampleBot/{version}.1; +https://bot{version}.example/)",
        ]
    return found


def url(page: int) -> str:
    """The page's target; one in eight has a query string."""
    words = f"{_WORDS[page % 18]}-{_WORDS[page // 18 % 18]}-{_WORDS[page // 324 % 18]}"
    query = f"?page={page % 9 + 2}&sort=price" if page % 8 == 3 else ""
    return f"/en/{_SECTIONS[page % 8]}/{page}/{words}/{query}"


def popularity(day: int, site: Site) -> list[float]:
    """The weight of every page on a day."""
    source = random.Random(f"{site.seed} pages")
    weights = [rank**-site.zipf for rank in range(1, site.pages + 1)]
    source.shuffle(weights)
    # Ages from 0 to 40 days, so that on every day of the log some pages are new; their glory is short, and great.
    for page in range(site.pages):
        kind = source.random()
        if kind < _WEEKLY:
            weights[page] *= 7.0 if page % 7 == day % 7 else 0.0
        elif kind < _WEEKLY + _NEW:
            age = day - source.uniform(-30, 40)
            weights[page] *= 5 * 0.5 ** (age / site.fading_days) if age >= 0 else 0.0
    for past in range(1, day + 1) if site.drift else ():
        walk = random.Random(f"{site.seed} drift {past}")
        weights = [weight * exp(walk.gauss(0.0, site.drift)) for weight in weights]
    return weights


def day_lines(day: int, lines: int, site: Site) -> Iterator[str]:
    """One day's lines in order of time; day 0 is a Monday."""
    source = random.Random(f"{site.seed} {day}")
    pages = _pages_of(day, lines, site, source)
    hours = sorted(source.choices(range(24), weights=_BY_HOUR, k=lines))
    names = agents()
    shares = list(accumulate(1 / rank for rank in range(1, len(names) + 1)))
    browsers = source.choices(names, cum_weights=shares, k=50_000)
    date = f"{START + timedelta(days=day):%d/%b/%Y}"
    for number, (page, hour) in enumerate(zip(pages, hours, strict=True)):
        visitor = int(site.visitors * source.random() ** 2)
        second = number * 7 % 3600
        address = visitor * 2654435761 & 0xFFFFFFFF  # neighbours in number are no neighbours in the network
        yield (
            f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255} - - "
            f"[{date}:{hour:02}:{second // 60:02}:{second % 60:02} +0000] {_request(page, source)} "
            f'"{_referrer(visitor, pages[number // 2])}" "{browsers[visitor % 50_000]}"\n'
        )


def _pages_of(day: int, lines: int, site: Site, source: random.Random) -> Sequence[int]:
    """The page of each line, in an order that says nothing."""
    if not site.visits_each:
        return source.choices(range(site.pages), cum_weights=list(accumulate(popularity(day, site))), k=lines)
    certain = array("I", range(site.pages)) * site.visits_each
    if len(certain) > lines:
        raise ValueError(f"{lines} lines cannot hold {site.visits_each} visits of each of {site.pages} pages")
    # Zipf's law by its inverse: no table of three million weights for lines that need none.
    certain.extend(int(site.pages ** source.random()) - 1 for _ in range(lines - len(certain)))
    source.shuffle(certain)
    return certain


def _request(page: int, source: random.Random) -> str:
    """The request line, status and size."""
    target, kind = url(page), source.random()
    size = 9_000 + page % 40_000
    if kind < 0.90:
        return f'"GET {target} HTTP/1.1" 200 {size}'
    if kind < 0.93:
        mark = "&" if "?" in target else "?"
        return f'"GET {target}{mark}gclid={source.getrandbits(60):x} HTTP/1.1" 200 {size}'
    if kind < 0.96:
        return f'"GET /en/old/{page % 5000}/ HTTP/1.1" {"404" if page % 2 else "301"} 512'
    if kind < 0.98:
        return f'"GET /static/js/{page % 300}.js HTTP/1.1" 200 {size}'
    return f'"POST /en/cart/items/ HTTP/1.1" {"302" if page % 2 else "200"} 0'


def _referrer(visitor: int, earlier: int) -> str:
    if visitor % 3 == 0:
        return "-"
    # Within a site browsers send the whole address of the page before.
    return "https://www.google.com/" if visitor % 3 == 1 else f"https://shop.example{url(earlier)}"


def write_log(path: Path, days: range, lines_a_day: int, site: Site) -> None:
    """Write the lines of some days to one file."""
    with path.open("w", encoding="ascii") as stream:
        for day in days:
            stream.writelines(day_lines(day, lines_a_day, site))
