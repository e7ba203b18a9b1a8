"""The tests' fake site as a process that notes when it stored each page, for `crawl` and `order`.

Prints its URL, then answers each line of its input: ``forget`` empties the cache, ``stored`` gives the moments,
``first`` that of the first by the machine's monotonic clock, ``offer`` and a list of paths puts them into its sitemap.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from tests.crawler.fake_site import FakeSite, serving


class TimedSite(FakeSite):
    """Takes its time for a page, more of it when the page is not stored."""

    def __init__(self, cold_s: float, warm_s: float) -> None:
        super().__init__(keeps_heads=False, holds=10_000_000)
        self.cold_s, self.warm_s = cold_s, warm_s
        self.stored_at_s: dict[str, float] = {}
        self.sitemap = b""

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        if head.startswith(b"GET /sitemap.xml "):
            head_lines = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"
            writer.write(head_lines % len(self.sitemap) + self.sitemap)
            await writer.drain()
            return True
        self.latency_s = self.warm_s if head.split(b" ", 2)[1].decode() in self.stored_at_s else self.cold_s
        return await super()._answer(head, writer)

    def respond(self, target: str, times: int, headers: dict[str, str]) -> tuple[int, list[str], Any]:
        self.stored_at_s.setdefault(target, time.monotonic())
        return super().respond(target, times, headers)

    def moments(self) -> dict[str, float]:
        first_s = min(self.stored_at_s.values())
        return {path: at_s - first_s for path, at_s in self.stored_at_s.items()}

    def offer(self, paths: list[str]) -> None:
        urls = "".join(f"<url><loc>{self.url}{path}</loc></url>" for path in paths)
        namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
        self.sitemap = f'<?xml version="1.0"?><urlset xmlns="{namespace}">{urls}</urlset>'.encode()

    def forget(self) -> None:
        super().forget()
        self.stored_at_s.clear()


def serve() -> int:
    """Serve until the input ends; 0."""
    with serving(TimedSite(float(sys.argv[1]), float(sys.argv[2]))) as site:
        print(site.url, flush=True)
        for line in sys.stdin:
            assert isinstance(site, TimedSite)
            if line.strip() == "stored":
                print(json.dumps(site.moments()), flush=True)
            elif line.strip() == "first":
                print(min(site.stored_at_s.values(), default=0.0), flush=True)
            elif line.startswith("offer "):
                site.offer(json.loads(line.removeprefix("offer ")))
                print("done", flush=True)
            else:
                site.forget()
                print("done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(serve())
