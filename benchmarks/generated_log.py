"""A seeded access log: Zipf-like tastes that drift from day to day, an hourly curve, pages of certain weekdays."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 "
        "Mobile/15E148 Safari/604.1"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
)
START = datetime(2025, 11, 3, tzinfo=UTC)  # a Monday
_BY_HOUR = [1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 9, 9, 9, 9, 9, 8, 8, 9, 9, 7, 4, 2]


def day_lines(day: int, lines: int, pages: int, *, drift: float = 0.02, seed: int = 1) -> Iterator[str]:
    """One day's lines in order of time.

    Args:
        day: number of the day, from 0; a Monday.
        pages: how many distinct pages exist.
        drift: how far, of the number of pages, the ranks have moved after one day.
    """
    source = random.Random(f"{seed} {day}")
    shares = list(accumulate(1 / rank for rank in range(1, pages + 1)))
    ranks = source.choices(range(pages), cum_weights=shares, k=lines)
    seconds = sorted(
        hour * 3600 + source.randrange(3600) for hour in source.choices(range(24), weights=_BY_HOUR, k=lines)
    )
    swapped = _ranking(day, pages, drift, seed)
    for second, rank in zip(seconds, ranks, strict=True):
        page = swapped[rank]
        # A tenth of the pages is read on one weekday only: weekly offers, matchdays, market reports.
        section = f"weekly/{day % 7}" if page % 10 == 0 else "product"
        time = START + timedelta(days=day, seconds=second)
        yield (
            f'203.0.113.{page % 250} - - [{time:%d/%b/%Y:%H:%M:%S} +0000] "GET /en/{section}/{page}/lamp-{page % 97}/ '
            f'HTTP/1.1" 200 {page % 9000} "https://shop.example/en/" "{AGENTS[page % 3]}"\n'
        )


def _ranking(day: int, pages: int, drift: float, seed: int) -> list[int]:
    """Which page has which rank on a day: each day some pages rise to the top and push the others down."""
    order = list(range(pages))
    for past in range(1, day + 1):
        source = random.Random(f"{seed} drift {past}")
        for _ in range(max(1, int(pages * drift))):
            order.insert(int(pages * source.random() ** 3), order.pop(source.randrange(pages)))
    return order


def write_log(path: Path, days: range, lines_a_day: int, pages: int, **options: float) -> None:
    """Write the lines of some days to one file."""
    with path.open("w", encoding="ascii") as stream:
        for day in days:
            stream.writelines(day_lines(day, lines_a_day, pages, **options))  # type: ignore[arg-type]
