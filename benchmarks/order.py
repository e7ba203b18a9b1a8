"""How soon visitors are served from cache, in the manifest's order and in others: ``python -m benchmarks.order``.

One server with pages that cost as much as those of `make demo`, emptied before each crawl; one spider, one concurrency.
The server notes when each page was stored. From those moments, and from the popularity of pages, follows when 90 % of
the expected requests would have been hits. Popularity has nothing to do with where a page stands in the sitemap.

The other orders are crawled as plain warmers do, each page once; only the manifest's order is asked twice, for proof.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.crawl import Server, run_client, write_project
from url_manifests.manifest import Entry

PAGES: Final = 2000
CONCURRENCY: Final = 4
COLD_S, WARM_S = 0.018, 0.002
"""What a page costs the server, not stored and stored."""
EXPONENTS: Final = (0.65, 1.0, 1.2, 1.3, 1.4)
SHARE: Final = 0.9

Moments = Mapping[str, float]
"""Path → seconds after the first page was stored."""


def main() -> int:
    """Measure and print; 0."""
    listed = [f"/page/{number}/" for number in range(PAGES)]
    by_popularity = random.Random("taste").sample(listed, PAGES)
    at_random = random.Random("any").sample(listed, PAGES)
    with tempfile.TemporaryDirectory() as name, Server(cold_s=COLD_S, warm_s=WARM_S) as server:
        moments = {
            "this spider": crawl(server, Path(name, "own"), by_popularity, has_proof=True),
            "sitemap order": crawl(server, Path(name, "sitemap"), listed, has_proof=False),
            "random order": crawl(server, Path(name, "random"), at_random, has_proof=False),
        }
    print_table(by_popularity, moments)
    return 0


def crawl(server: Server, folder: Path, paths: Sequence[str], *, has_proof: bool) -> Moments:
    """Crawl an empty site in one order, and ask it when it stored what."""
    server.forget()
    secret = server.secret if has_proof else ""
    write_project(folder, server.url, [Entry(url=path, hits=1) for path in paths], CONCURRENCY, secret)
    command = [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=bench", "-a", "progress=none"]
    done: subprocess.CompletedProcess[bytes] = run_client([*command, "-a", "require_coverage=0"], folder)
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-500:])
    stored = server.stored()
    print(f"{folder.name}: {len(stored)} pages in {max(stored.values()):.1f} s", flush=True)
    return stored


def covered_after_s(weights: Mapping[str, float], moments: Moments) -> float:
    """When `SHARE` of the expected requests are hits."""
    missing = SHARE * sum(weights.values())
    for path in sorted(moments, key=lambda path: moments[path]):
        missing -= weights[path]
        if missing <= 0:
            return moments[path]
    raise ValueError("so much was never stored")


def print_table(by_popularity: Sequence[str], moments: Mapping[str, Moments]) -> None:
    """One line for each exponent of popularity."""
    print(f"\nseconds until {SHARE:.0%} of the expected requests are hits; {PAGES} pages, concurrency {CONCURRENCY}")
    names = "".join(f"{name:>15}" for name in moments)
    print(f"{'Zipf exponent':14}{'pages for 90 %':>15}{names}{'times sooner':>14}")
    for exponent in EXPONENTS:
        weights = {path: float(rank**-exponent) for rank, path in enumerate(by_popularity, start=1)}
        as_ranked = {path: float(rank) for rank, path in enumerate(by_popularity, start=1)}
        needed = covered_after_s(weights, as_ranked) / PAGES
        seconds = [covered_after_s(weights, found) for found in moments.values()]
        columns = "".join(f"{value:15.2f}" for value in seconds)
        print(f"{exponent:<14}{needed:15.1%}{columns}{seconds[1] / seconds[0]:14.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
