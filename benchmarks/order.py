"""How soon visitors are served from cache, by this spider and by what is run elsewhere: ``python -m benchmarks.order``.

One server with pages that cost as much as those of `make demo`, emptied before each crawl. It notes when each page was
stored. From those moments, and from the popularity of pages, follows when 90 % of the expected requests would have been
hits. Popularity has nothing to do with where a page stands in the sitemap.

The sitemap is crawled by Scrapy's own ``SitemapSpider``, as many at once and at the same rate; it finds its URLs in a
sitemap of the same server and asks for each page once. "Random" is a plain list in any order, by the same stock Scrapy.
This spider asks twice, for proof. Two settings: as fast as four requests at once go, and 40 requests a second.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.crawl import Server, run_client, write_project
from url_manifests.manifest import Entry

PAGES: Final = 2000
CONCURRENCY: Final = 4
RATES: Final = (0, 40)
"""Requests a second; 0 for no limit."""
COLD_S, WARM_S = 0.018, 0.002
"""What a page costs the server, not stored and stored."""
EXPONENTS: Final = (0.65, 1.0, 1.2, 1.3, 1.4, 1.5)
SHARE: Final = 0.9

SITEMAP: Final = """
import scrapy.spiders
class Stock(scrapy.spiders.SitemapSpider):
    name = "sitemap"
    sitemap_urls = ["{url}/sitemap.xml"]
    def parse(self, response):
        pass
"""
LISTED: Final = """
import scrapy
class Stock(scrapy.Spider):
    name = "listed"
    start_urls = open("urls.txt").read().split()
    def parse(self, response):
        pass
"""

Moments = Mapping[str, float]
"""Path → seconds after the first page was stored."""


@dataclass(frozen=True)
class Found:
    """What each client reached, at one rate."""

    rate: int
    moments: Mapping[str, Moments]


def main() -> int:
    """Measure and print; 0."""
    listed = [f"/page/{number}/" for number in range(PAGES)]
    by_popularity = random.Random("taste").sample(listed, PAGES)
    at_random = random.Random("any").sample(listed, PAGES)
    with tempfile.TemporaryDirectory() as name, Server(cold_s=COLD_S, warm_s=WARM_S) as server:
        server.offer(listed)
        for rate in RATES:
            folder = Path(name, str(rate))
            folder.mkdir()
            moments = {
                "this spider": own(server, folder / "own", by_popularity, rate),
                "its proof at once": own(server, folder / "at-once", by_popularity, rate, prove_within=0),
                "sitemap": stock(server, folder / "sitemap", SITEMAP.format(url=server.url), rate),
                "random": stock(server, folder / "random", LISTED, rate, at_random),
            }
            print_table(by_popularity, Found(rate, moments))
    return 0


def own(server: Server, folder: Path, paths: Sequence[str], rate: int, prove_within: int = 60) -> Moments:
    """Crawl an empty site with this spider."""
    write_project(folder, server.url, [Entry(url=path, hits=1) for path in paths], CONCURRENCY, server.secret)
    options = {"env": "bench", "progress": "none", "rate": rate, "prove_within": prove_within}
    command = [sys.executable, "-m", "scrapy", "crawl", "warm"]
    for option, value in options.items():
        command += ["-a", f"{option}={value}"]
    return crawl(server, folder, command)


def stock(server: Server, folder: Path, spider: str, rate: int, paths: Sequence[str] = ()) -> Moments:
    """Crawl an empty site with Scrapy as it comes, but for how many it asks at once, and how often."""
    folder.mkdir()
    (folder / "stock.py").write_text(spider)
    (folder / "urls.txt").write_text("".join(f"{server.url}{path}\n" for path in paths))
    settings = {
        "ROBOTSTXT_OBEY": 0,
        "CONCURRENT_REQUESTS": CONCURRENCY,
        "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
        "DOWNLOAD_DELAY": 1 / rate if rate else 0,
        "RANDOMIZE_DOWNLOAD_DELAY": 0,
    }
    command = [sys.executable, "-m", "scrapy", "runspider", "stock.py"]
    for setting, value in settings.items():
        command += ["-s", f"{setting}={value}"]
    return crawl(server, folder, command)


def crawl(server: Server, folder: Path, command: Sequence[str]) -> Moments:
    """Run a client, and ask the site when it stored what."""
    server.forget()
    done: subprocess.CompletedProcess[bytes] = run_client(command, folder)
    stored = server.stored()
    if done.returncode or len(stored) < PAGES:
        raise RuntimeError(f"{len(stored)} pages stored: {done.stderr.decode()[-500:]}")
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


def print_table(by_popularity: Sequence[str], found: Found) -> None:
    """One line for each exponent of popularity."""
    limit = f"{found.rate} requests a second" if found.rate else "no limit on the rate"
    print(
        f"\nseconds until {SHARE:.0%} of the expected requests are hits; {PAGES} pages, {CONCURRENCY} at once, {limit}"
    )
    names = "".join(f"{name:>18}" for name in found.moments)
    print(f"{'Zipf exponent':14}{'pages for 90 %':>15}{names}{'times sooner':>14}")
    for exponent in EXPONENTS:
        weights = {path: float(rank**-exponent) for rank, path in enumerate(by_popularity, start=1)}
        as_ranked = {path: float(rank) for rank, path in enumerate(by_popularity, start=1)}
        needed = covered_after_s(weights, as_ranked) / PAGES
        seconds = {name: covered_after_s(weights, moments) for name, moments in found.moments.items()}
        columns = "".join(f"{value:18.2f}" for value in seconds.values())
        print(f"{exponent:<14}{needed:15.1%}{columns}{seconds['sitemap'] / seconds['this spider']:14.1f}", flush=True)
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
