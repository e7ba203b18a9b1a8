"""What a warm run does to visitors who are there at the same time: ``python -m benchmarks.live_impact``.

The example under gunicorn, with cold caches before each part. Visitors come at fixed times, whether or not earlier ones
were answered (waiting for an answer before sending the next would hide a site that stands still). They ask for pages
from the end of the manifest, which no crawl has warmed yet. Their p95 is measured alone, beside a stock Scrapy crawl of
the same URLs, and beside ours, each crawl at its defaults. The parts take turns over several rounds, and ratios are
taken within a round, since the machine is not always the same. Then the crawl's measured rate is compared with the one
allowed, on an idle site: while it was allowed in full, and over the whole run, slow start included. Some five minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from demo.deployment import PUBLIC_HOST, ROOT, Deployment, manage
from url_manifests.manifest import Entry, Header, write_manifest

SECRET: Final = "a-ticket-secret-for-benchmarks-0123456789"
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
LIMIT_RATIO: Final = 1.25
LIMIT_RATE: Final = 0.05
STOCK_SPIDER: Final = """
import os, scrapy

class Stock(scrapy.Spider):
    name = "stock"
    async def start(self):
        for url in open(os.environ["STOCK_URLS"]).read().split():
            yield scrapy.Request(os.environ["STOCK_BASE"] + url, headers={"Host": os.environ["STOCK_HOST"]})
    def parse(self, response):
        pass
"""
"""What anybody writes first: every default of Scrapy but the Host header."""


def main() -> int:
    """Measure and print; 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15, help="length of each part (15)")
    parser.add_argument("--rounds", type=int, default=3, help="times that the parts take turns (3)")
    parser.add_argument("--visitors", type=float, default=15, help="requests of visitors a second (15)")
    parser.add_argument("--urls", type=int, default=1500, help="pages of the manifest (1500)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="live-impact-") as folder:
        bench = Bench(Path(folder), options.urls)
        is_kind = bench.impact(options.rounds, options.seconds, options.visitors)
        is_exact = bench.rates()
    print(f"limits: {'kept' if is_kind and is_exact else 'EXCEEDED'}")
    return 0 if is_kind and is_exact else 1


@dataclass
class Part:
    """What visitors saw while something ran."""

    p50_ms: float
    p95_ms: float
    errors: int
    requests_a_second: float = 0.0
    """Of the crawl beside them: first ones, as proof waits for longer than a part lasts."""


class Bench:
    """A seeded database, a manifest of its pages, and a folder to run in."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._seed = folder / "seed.sqlite3"
        manage("setup_example", "--orders", "2000", env={"EXAMPLE_DB": str(self._seed)})
        self._urls = self._pages(count)
        entries = [Entry(url=url, hits=len(self._urls) - place) for place, url in enumerate(self._urls)]
        profiles = {"chrome": {"User-Agent": AGENT, "Accept-Encoding": "gzip, deflate, br, zstd"}}
        # A folder each: Scrapy looks for scrapy.cfg upwards, and a stock crawl has none of this project's settings.
        self._ours, self._stock = folder / "ours", folder / "stock"
        self._ours.mkdir()
        self._stock.mkdir()
        write_manifest(self._ours / "manifest.jsonl", Header(entries=len(entries), profiles=profiles), entries)
        (folder / "urls").write_text("\n".join(self._urls))
        (self._stock / "stock.py").write_text(STOCK_SPIDER)
        (self._ours / ".env.test").touch()
        shutil.copy(ROOT / "scrapy.cfg", self._ours)

    def _pages(self, count: int) -> list[str]:
        code = (
            "from example.catalogue.models import Product;"
            "print('\\n'.join(p.get_absolute_url() for p in Product.objects.on_sale().order_by('pk')[:9999]))"
        )
        paths = manage("shell", "--verbosity", "0", "-c", code, env={"EXAMPLE_DB": str(self._seed)}).stdout.split()
        return [path for path in paths if path.startswith("/")][:count]

    def _site(self, name: str) -> Deployment:
        """A fresh release with cold caches."""
        database = shutil.copy(self._seed, self._folder / f"{name}.sqlite3")
        env = {"EXAMPLE_DB": str(database), "WARM_SECRET": SECRET, "EXAMPLE_CACHE_PREFIX": name}
        return Deployment(env=env, workers=2, log=self._folder / f"{name}.log")

    def impact(self, rounds: int, seconds: float, visitors: float) -> bool:
        """Print visitors' latency alone, beside a stock crawl, and beside ours; whether ours keeps the limit."""
        parts: dict[str, list[Part]] = {"alone": [], "stock": [], "ours": []}
        for number in range(rounds):
            for name, found in parts.items():
                found.append(self._part(f"{name}{number}", name, seconds, visitors))
        for name, found in parts.items():
            p50, p95 = (statistics.median(getattr(part, field) for part in found) for field in ("p50_ms", "p95_ms"))
            asked, errors = statistics.median(p.requests_a_second for p in found), sum(p.errors for p in found)
            print(
                f"visitors, {name:>5}: p50 {p50:6.1f} ms, p95 {p95:6.1f} ms ({_ratio(found, parts['alone']):.2f} of "
                f"alone), {errors} errors; {asked:.1f} requests/s of a crawl beside them"
            )
        return _ratio(parts["ours"], parts["alone"]) <= LIMIT_RATIO and all(p.requests_a_second for p in parts["ours"])

    def _part(self, name: str, kind: str, seconds: float, visitors: float) -> Part:
        with self._site(name) as site:
            crawl = self._start(kind, site)
            try:
                part = asyncio.run(_visit(site.base_url, self._urls, seconds, visitors))
            finally:
                if crawl:
                    crawl.terminate()
                    crawl.wait(30)
            part.requests_a_second = self._progress(kind) / seconds
            return part

    def _start(self, kind: str, site: Deployment) -> subprocess.Popen[bytes] | None:
        if kind == "alone":
            return None
        if kind == "ours":
            return self._crawl(site)
        env = {"STOCK_URLS": str(self._folder / "urls"), "STOCK_BASE": site.base_url, "STOCK_HOST": PUBLIC_HOST}
        return self._popen([sys.executable, "-m", "scrapy", "runspider", "stock.py"], env, self._stock)

    def _crawl(self, site: Deployment, *arguments: str) -> subprocess.Popen[bytes]:
        env = {
            "WARM_BASE_URL": site.base_url,
            "WARM_PUBLIC_URL": f"http://{PUBLIC_HOST}",
            "WARM_SECRET": SECRET,
            "WARM_MANIFEST": "manifest.jsonl",
            "WARM_READY_URL": "/healthz/",
            "WARM_REPORT": "report.json",
        }
        options = [word for argument in arguments for word in ("-a", argument)]
        command = [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=test", "-a", "verify=none", *options]
        return self._popen(command, env, self._ours)

    def _popen(self, command: Sequence[str], env: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WARM_")}
        with (self._folder / "crawl.log").open("wb") as log:
            return subprocess.Popen(
                command, cwd=folder, env={**inherited, "PYTHONPATH": str(ROOT), **env}, stdout=log, stderr=log
            )

    def _progress(self, kind: str) -> int:
        """Requests of the crawl beside the visitors."""
        if kind == "alone":
            return 0
        if kind == "ours":
            report: dict[str, Any] = json.loads((self._ours / "report.json").read_text())
            return int(report["requests_sent"])
        return (self._folder / "crawl.log").read_text().count("Crawled (200)")

    def rates(self) -> bool:
        """Print how near the measured rate is to the allowed one, at its full height and with the slow start."""
        gaps = []
        with self._site("rates") as site:
            # Warm before: at 100 requests a second it is the crawl's pace that is measured, not the site's.
            self._crawl(site, "rate=0").wait()
            for allowed in (5, 20, 100):
                seconds = min(15.0, len(self._urls) / allowed)
                self._crawl(site, f"rate={allowed}", f"deadline={seconds + 2:.0f}").wait()
                report = json.loads((self._ours / "report.json").read_text())
                measured = float(report["rate_at_full"] or 0.0)
                in_all, allowed_in_all = float(report["rate_achieved"]), float(report["rate_allowed"])
                gaps += [abs(measured / allowed - 1), abs(in_all / allowed_in_all - 1)]
                print(
                    f"allowed {allowed:>3}/s: measured {measured:6.2f}/s ({measured / allowed - 1:+.1%}); with the "
                    f"slow start allowed {allowed_in_all:6.2f}/s, measured {in_all:6.2f}/s "
                    f"({in_all / allowed_in_all - 1:+.1%}; {report['requests_sent']} requests, "
                    f"{sum(report['slowdowns'].values())} slowdowns)"
                )
        return max(gaps) < LIMIT_RATE


async def _visit(base_url: str, urls: list[str], seconds: float, rate: float) -> Part:
    """Visitors at fixed times; what they waited, from when they were due."""
    headers = {"Host": PUBLIC_HOST, "User-Agent": AGENT}
    times_ms: list[float] = []
    errors = 0

    async def one(session: aiohttp.ClientSession, url: str, due_s: float) -> None:
        nonlocal errors
        try:
            async with session.get(base_url + url, headers=headers) as response:
                await response.read()
                errors += response.status >= 500
        except (aiohttp.ClientError, TimeoutError):
            errors += 1
        times_ms.append((time.monotonic() - due_s) * 1000)

    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
        started_s = time.monotonic()
        tasks = []
        for number in range(int(seconds * rate)):
            due_s = started_s + number / rate
            await asyncio.sleep(max(due_s - time.monotonic(), 0))
            # From the end of the manifest, where no crawl comes first: both meet a cold page.
            url = urls[-1 - number % len(urls)]
            tasks.append(asyncio.create_task(one(session, url, due_s)))
        await asyncio.gather(*tasks)
    cuts = statistics.quantiles(times_ms, n=20)
    return Part(p50_ms=cuts[9], p95_ms=cuts[18], errors=errors)


def _ratio(found: list[Part], alone: list[Part]) -> float:
    """The typical ratio of two parts of one round."""
    return statistics.median(one.p95_ms / other.p95_ms for one, other in zip(found, alone, strict=True))


if __name__ == "__main__":
    sys.exit(main())
