"""A user's own components see the crawl as they see any of Scrapy's."""

from __future__ import annotations

import json

from .conftest import Project
from .fake_site import FakeSite

OWN = """
import json
from pathlib import Path
from crawler.settings import *
from scrapy import Request, signals

class Middleware:
    def process_request(self, request):
        request.headers["X-Own"] = "yes"

class Pipeline:
    def process_item(self, item):
        seen["items"].append(item.url)
        return item

class Extension:
    def __init__(self, crawler):
        self.crawler = crawler
        crawler.signals.connect(self.opened, signals.spider_opened)
        crawler.signals.connect(self.received, signals.response_received)
        crawler.signals.connect(self.scraped, signals.item_scraped)
        crawler.signals.connect(self.closed, signals.spider_closed)
    @classmethod
    def from_crawler(cls, crawler):
        return cls(crawler)
    async def opened(self):
        request = Request(f"{URL}/never/own/", meta={"download_timeout": 3})
        seen["own"] = (await self.crawler.engine.download_async(request)).status
    def received(self, response):
        seen["received"].append(response.request.url)
    async def scraped(self, item):
        seen["scraped"].append(item.url)
    def closed(self):
        seen["stored"] = self.crawler.stats.get_value("warm/stored")
        Path("seen.json").write_text(json.dumps(seen))

seen = {"items": [], "received": [], "scraped": []}
DOWNLOADER_MIDDLEWARES = DOWNLOADER_MIDDLEWARES | {"own.Middleware": 1}
ITEM_PIPELINES = ITEM_PIPELINES | {"own.Pipeline": 1}
EXTENSIONS = EXTENSIONS | {"own.Extension": 1}
"""


def test_middleware_pipeline_signals_and_statistics(project: Project, site: FakeSite) -> None:
    (project.folder / "own.py").write_text(f"URL = {site.url!r}\n{OWN}")
    (project.folder / "scrapy.cfg").write_text("[settings]\ndefault = own\n")
    project.write_urls("/page/1/", "/page/2/")
    result = project.crawl()
    assert result.returncode == 0, result.stderr
    seen = json.loads((project.folder / "seen.json").read_text())
    assert seen["own"] == 200
    assert sorted(seen["items"]) == sorted(seen["scraped"]) == ["/page/1/", "/page/2/"]
    assert [url.removeprefix(site.url) for url in seen["received"]].count("/page/1/") == 2
    assert f"{site.url}/never/own/" in seen["received"]
    assert seen["stored"] == 2
    assert all(b"\r\nX-Own: yes" in head for head in site.seen)
