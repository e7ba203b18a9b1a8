"""CPU of a request over HTTP/1.1 and over HTTP/2, by our own download handlers: ``python -m benchmarks.http2``.

One nginx with TLS and a page that costs it nothing; both handlers in turn, the least CPU of `ROUNDS` counts.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from scrapy import Request

from crawler.download import TLS_NAME, AiohttpDownloadHandler
from crawler.http2 import Http2DownloadHandler
from tests import servers
from tests.crawler.test_tls import write_certificate
from url_manifests.profiles import PROFILES

REQUESTS: Final = 4000
CONCURRENCY: Final = 4
ROUNDS: Final = 3
SERVER: Final = (
    "server {{ listen 127.0.0.1:{{port}} ssl http2; ssl_certificate {pem}; ssl_certificate_key {pem};"
    ' location / {{ return 200 "hello"; }} }}'
)
Handler = type[AiohttpDownloadHandler] | type[Http2DownloadHandler]


def main() -> int:
    """Measure and print; 0."""
    with tempfile.TemporaryDirectory() as name:
        pem = Path(name, "cert.pem")
        write_certificate(pem, "shop.example")
        os.environ["SSL_CERT_FILE"] = str(pem)
        with servers.nginx(Path(name), SERVER.format(pem=pem), scheme="https") as server:
            handlers: list[Handler] = [AiohttpDownloadHandler, Http2DownloadHandler]
            costs = [[cpu_ms(handler, server.url) for handler in handlers] for _ in range(ROUNDS)]
    first, second = (min(column) for column in zip(*costs, strict=True))
    print(f"CPU ms a request: HTTP/1.1 {first:.2f}, HTTP/2 {second:.2f}, {second / first:.1f} times as much")
    return 0


def cpu_ms(handler: Handler, url: str) -> float:
    """CPU of this process for one request, connections included."""
    start_s = time.process_time()
    asyncio.run(ask(handler, url))
    return (time.process_time() - start_s) / REQUESTS * 1000


async def ask(kind: Handler, url: str) -> None:
    """Ask `REQUESTS` times, `CONCURRENCY` at once."""
    handler = kind(connections=CONCURRENCY, max_bytes=10**6)
    meta = {"verbatim_url": True, "download_timeout": 10, TLS_NAME: "shop.example"}
    headers = {"Host": "shop.example", **PROFILES["chrome"]}

    async def work() -> None:
        for number in range(REQUESTS // CONCURRENCY):
            response = await handler.download_request(Request(f"{url}/{number}/", headers=headers, meta=dict(meta)))
            if response.status != 200:
                raise RuntimeError(f"answered {response.status}")

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    await handler.close()


if __name__ == "__main__":
    sys.exit(main())
