"""CPU and URLs a second of the spider and of its peers, against one server in one run: ``python -m benchmarks.crawl``.

The spider does all its work: handshake, tickets, traces, a second request for proof, the late check of a sample. The
peers ask for each URL once and look at nothing. So the spider is also given for each request.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.deployment import ROOT
from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.profiles import PROFILES

URLS = 3000
CONCURRENCY = 16
SECRET = "a-secret-for-tests-0123456789abcdef"

SERVER = """
import time
from tests.crawler.fake_site import FakeSite, serving
with serving(FakeSite(keeps_heads=False)) as site:
    print(site.url, flush=True)
    time.sleep(3600)
"""
STOCK = """
import scrapy, sys
class Stock(scrapy.Spider):
    name = "stock"
    start_urls = open("urls.txt").read().split()
    def parse(self, response):
        yield {"url": response.url}
"""
BARE = """
import asyncio, sys, aiohttp
async def main():
    urls = iter(open("urls.txt").read().split())
    async with aiohttp.ClientSession() as session:
        async def work():
            for url in urls:
                async with session.get(url) as response:
                    await response.read()
        await asyncio.gather(*(work() for _ in range(int(sys.argv[1]))))
asyncio.run(main())
"""


@dataclass(frozen=True)
class Cost:
    """What one client took."""

    wall_s: float
    cpu_s: float
    requests: int


def main() -> int:
    """Measure and print; 0."""
    folder = Path(tempfile.mkdtemp())
    try:
        with server() as url:
            write_inputs(folder, url)
            costs = {name: measure(command, folder) for name, command in commands(folder).items()}
    finally:
        shutil.rmtree(folder)
    print_table(costs)
    return 0


@contextmanager
def server() -> Iterator[str]:
    """The fake site of the tests, in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def write_inputs(folder: Path, url: str) -> None:
    """The same URLs as a manifest and as a list."""
    paths = [f"/page/{number}/" for number in range(URLS)]
    (folder / "urls.txt").write_text("".join(f"{url}{path}\n" for path in paths))
    # Scrapy looks for a scrapy.cfg in every folder above, too: where the stock spider runs there must be none.
    (folder / "warm").mkdir()
    (folder / "warm" / "scrapy.cfg").write_text("[settings]\ndefault = crawler.settings\n")
    (folder / "warm" / ".env.bench").write_text(
        f"WARM_BASE_URL={url}\nWARM_SECRET={SECRET}\nWARM_READY_URL=/healthz\nWARM_RATE=0\n"
        f"WARM_CONCURRENCY={CONCURRENCY}\nWARM_MANIFEST=manifest.jsonl\n"
    )
    header = Header(entries=URLS, profiles={"chrome": PROFILES["chrome"]})
    write_manifest(folder / "warm" / "manifest.jsonl", header, [Entry(url=path, hits=1) for path in paths])
    (folder / "stock.py").write_text(STOCK)
    (folder / "bare.py").write_text(BARE)


def commands(folder: Path) -> dict[str, list[str]]:
    """What is installed of the clients; a peer that is missing is left out."""
    found = {
        "this spider": [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=bench", "-a", "progress=none"],
        "scrapy, defaults": [sys.executable, "-m", "scrapy", "runspider", "stock.py", "-s", "ROBOTSTXT_OBEY=0"],
        "aiohttp, bare": [sys.executable, "bare.py", str(CONCURRENCY)],
        "wget": ["wget", "-q", "-i", "urls.txt", "-O", "/dev/null"],
        "siege": [
            *("siege", "-q", "-b", "-c", str(CONCURRENCY), "-r", str(URLS // CONCURRENCY), "-f", "urls.txt"),
            *("--rc", str(folder / "siegerc"), "--no-parser"),
        ],
    }
    (folder / "siegerc").write_text("verbose = false\nconnection = keep-alive\nshow-logfile = false\n")
    return {name: command for name, command in found.items() if shutil.which(command[0])}


def measure(command: list[str], folder: Path) -> Cost:
    """Run a client; its CPU time is that of its process and its children."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WARM_", "SCRAPY_"))}
    before, start_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder / "warm" if "env=bench" in command else folder,
        env=inherited | {"PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True,
        check=False,
    )
    wall_s, after = time.monotonic() - start_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    report = folder / "warm/var/warm/bench/report.json"
    requests = json.loads(report.read_text())["requests_sent"] if "env=bench" in command else URLS
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(wall_s=wall_s, cpu_s=cpu_s, requests=requests)


def print_table(costs: dict[str, Cost]) -> None:
    """One line for each client, and the ratio that matters."""
    print(f"{URLS} URLs, concurrency {CONCURRENCY} (wget: 1)")
    print(f"{'client':18} {'wall s':>7} {'URLs/s':>7} {'requests/s':>10} {'CPU ms/URL':>10} {'CPU ms/request':>14}")
    for name, cost in costs.items():
        print(
            f"{name:18} {cost.wall_s:7.2f} {URLS / cost.wall_s:7.0f} {cost.requests / cost.wall_s:10.0f} "
            f"{cost.cpu_s / URLS * 1000:10.2f} {cost.cpu_s / cost.requests * 1000:14.2f}"
        )
    own, stock = costs["this spider"], costs["scrapy, defaults"]
    print(f"CPU per URL: {own.cpu_s / stock.cpu_s:.2f} of stock Scrapy's, at {own.requests / URLS:.2f} requests a URL")


if __name__ == "__main__":
    sys.exit(main())
