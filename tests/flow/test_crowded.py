"""More requests at once than the site has time for while visitors are there: the crawl slows down, and goes on."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from demo.deployment import PUBLIC_HOST, manage
from tests import servers
from tests.conftest import Site

from .conftest import Pipeline

CODE = (
    "from example.catalogue.models import Product;"
    "print('\\n'.join(p.get_absolute_url() for p in Product.objects.on_sale().order_by('pk')[:500]))"
)


@contextmanager
def visitors(site: Site, every_s: float = 0.1) -> Iterator[list[int]]:
    """Somebody who looks at the same page again and again; the statuses."""
    ended, statuses = threading.Event(), list[int]()

    def look() -> None:
        while not ended.wait(every_s):
            request = urllib.request.Request(f"{site.base_url}/en/offers/", headers={"Host": PUBLIC_HOST})
            with urllib.request.urlopen(request, timeout=30) as response:
                statuses.append(response.status)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join()


def test_a_crawl_that_asks_too_much_at_once_is_slowed_down_and_not_ended(
    start_site: Callable[..., Site], pipeline: Pipeline, redis_server: servers.Server
) -> None:
    site = start_site(cache=redis_server.url, workers=2)
    paths = manage("shell", "--verbosity", "0", "-c", CODE, env=site.env).stdout.split()
    pipeline.write_log([path for path in paths if path.startswith("/")])
    assert pipeline.build().returncode == 0
    pipeline.aim_at(site, concurrency="40", deadline="150", verify="none")
    with visitors(site) as statuses:
        crawled = pipeline.crawl()
    report = pipeline.report()
    assert crawled.returncode == 0, crawled.stderr
    # It was too much, or this test shows nothing.
    assert report["refused"] or report["slowdowns"]
    assert (report["outcome"], report["failed"], report["skipped"]) == ("ok", 0, 0)
    assert report["circuit_opened"] == 0
    assert statuses
    assert set(statuses) == {200}
