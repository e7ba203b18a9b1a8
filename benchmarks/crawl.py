"""CPU and URLs a second of the spider and of its peers, against one server in one run: ``python -m benchmarks.crawl``.

The spider does all its work: handshake, tickets, traces, a second request for proof, the late check of a sample. The
peers ask for each URL once and look at nothing. So the spider is also given for each request. Every client is run
`ROUNDS` times in turn, and its least CPU counts: whatever else the machine does only ever adds to it.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.deployment import ROOT
from tests.crawler.fake_site import SECRET
from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.profiles import PROFILES

URLS = 10_000
CONCURRENCY = 16
ROUNDS = 3

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


class Server:
    """`benchmarks.crawl_server` in a process of its own; a context manager that ends it."""

    secret = SECRET

    def __init__(self, cold_s: float = 0.0, warm_s: float = 0.0) -> None:
        command = [sys.executable, "-m", "benchmarks.crawl_server", str(cold_s), str(warm_s)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._read()

    def forget(self) -> None:
        """Empty its cache."""
        self._ask("forget")

    def offer(self, paths: Sequence[str]) -> None:
        """Have these in its sitemap."""
        self._ask(f"offer {json.dumps(list(paths))}")

    def stored(self) -> dict[str, float]:
        """When it stored each page since it was emptied, in seconds after the first."""
        moments: dict[str, float] = json.loads(self._ask("stored"))
        return moments

    def first_at_s(self) -> float:
        """When it stored the first of them, by the machine's monotonic clock; 0 before that."""
        return float(self._ask("first"))

    def _ask(self, word: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()


@dataclass(frozen=True)
class Cost:
    """What one client took."""

    wall_s: float
    cpu_s: float
    requests: int


def main() -> int:
    """Measure and print; 0."""
    with tempfile.TemporaryDirectory() as name, Server() as server:
        folder = Path(name)
        write_inputs(folder, server.url)
        found: dict[str, list[Cost]] = {}
        for _ in range(ROUNDS):
            for client, command in commands(folder).items():
                server.forget()
                found.setdefault(client, []).append(measure(command, folder))
    print_table({client: min(costs, key=lambda cost: cost.cpu_s) for client, costs in found.items()})
    return 0


def write_project(folder: Path, url: str, entries: Sequence[Entry], concurrency: int, secret: str) -> None:
    """A folder in which ``scrapy crawl warm -a env=bench`` asks for these entries."""
    folder.mkdir()
    (folder / "scrapy.cfg").write_text("[settings]\ndefault = crawler.settings\n")
    (folder / ".env.bench").write_text(
        f"WARM_BASE_URL={url}\nWARM_SECRET={secret}\nWARM_READY_URL=/healthz\nWARM_RATE=0\n"
        f"WARM_CONCURRENCY={concurrency}\nWARM_MANIFEST=manifest.jsonl\n"
    )
    header = Header(entries=len(entries), profiles={"chrome": PROFILES["chrome"]})
    write_manifest(folder / "manifest.jsonl", header, entries)


def write_inputs(folder: Path, url: str) -> None:
    """The same URLs as a manifest and as a list."""
    paths = [f"/page/{number}/" for number in range(URLS)]
    (folder / "urls.txt").write_text("".join(f"{url}{path}\n" for path in paths))
    # Scrapy looks for a scrapy.cfg in every folder above, too: where the stock spider runs there must be none.
    write_project(folder / "warm", url, [Entry(url=path, hits=1) for path in paths], CONCURRENCY, SECRET)
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


def run_client(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command with nothing of this project's environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WARM_", "SCRAPY_"))}
    env = inherited | {"PYTHONPATH": str(ROOT), "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)


def measure(command: list[str], folder: Path) -> Cost:
    """Run a client; its CPU time is that of its process and its children."""
    is_own = "env=bench" in command
    before, start_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = run_client(command, folder / "warm" if is_own else folder)
    wall_s, after = time.monotonic() - start_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    report = folder / "warm/var/warm/bench/report.json"
    requests = json.loads(report.read_text())["requests_sent"] if is_own else URLS
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(wall_s=wall_s, cpu_s=cpu_s, requests=requests)


def print_table(costs: dict[str, Cost]) -> None:
    """One line for each client, and the ratio that matters."""
    print(f"{URLS} URLs, concurrency {CONCURRENCY} (wget: 1), the cheapest of {ROUNDS} runs")
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
