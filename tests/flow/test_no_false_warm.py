"""Nothing that is reported warm is a miss: a whole shop, three kinds of visitors, thousands of visits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import pytest
from playwright.sync_api import sync_playwright

from demo import visitors
from tests.browsers import BACKGROUND_OFF, ask, headers_of_chromium
from tests.conftest import Site
from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.profiles import PROFILES

from .conftest import Pipeline

HOST = "shop.localhost"
"""A browser takes it for a loopback address, and so offers the encodings that it offers over https."""
HOSTS = f"localhost,127.0.0.1,shop.example,{HOST}"


def write_whole_shop(pipeline: Pipeline, targets: Sequence[str], chromium: str) -> Mapping[str, Mapping[str, str]]:
    """A manifest of all these pages for three browsers; their headers."""
    own = {name: value for name, value in headers_of_chromium(chromium).items() if name not in ("Host", "Connection")}
    profiles = {"chromium": own, "firefox": PROFILES["firefox"], "safari": PROFILES["safari"]}
    shares = {"chromium": 0.6, "firefox": 0.2, "safari": 0.2}
    entries = [Entry(url=target, hits=10, variants=shares) for target in targets]
    write_manifest(pipeline.folder / "manifest.jsonl", Header(entries=len(entries), profiles=profiles), entries)
    return profiles


def missed_by_chromium(chromium: str, port: int, urls: Iterable[str]) -> Iterator[str]:
    """The pages that a real browser does not get from the site's cache. It loads nothing but the pages."""
    arguments = [*BACKGROUND_OFF, f"--host-resolver-rules=MAP {HOST}:80 127.0.0.1:{port}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_context(java_script_enabled=False).new_page()
        # Not page.route(): that would put itself between the browser's own headers and the wire.
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.send("Network.setBlockedURLs", {"urls": ["*.css", "*.js", "*.svg", "*.png", "*.jpg", "*.ico"]})
        for url in urls:
            response = page.goto(f"http://{HOST}{url}", wait_until="commit")
            if response is None or "age" not in response.headers:
                yield url
        browser.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")  # raised inside of Playwright
def test_all_that_is_reported_warm_is_a_hit(start_site: Callable[..., Site], pipeline: Pipeline, chromium: str) -> None:
    site = start_site(EXAMPLE_ALLOWED_HOSTS=HOSTS)
    port = site.deployment.port
    targets = [*visitors.listed_targets(port), *visitors.OTHER_TARGETS]
    assert len(targets) >= 1000
    profiles = write_whole_shop(pipeline, targets, chromium)
    pipeline.aim_at(site, public_url=f"http://{HOST}")
    crawled = pipeline.crawl()
    assert crawled.returncode == 0, crawled.stderr

    outcomes = pipeline.outcome_lines()
    assert len(outcomes) == len(targets) * len(profiles)
    warm = [(line["profile"], line["url"]) for line in outcomes if line.get("page") in ("stored", "already_warm")]
    assert len(warm) >= 2000
    by_chromium = [url for profile, url in warm if profile == "chromium"]
    assert list(missed_by_chromium(chromium, port, by_chromium)) == []
    others = [(profile, url) for profile, url in warm if profile != "chromium"]
    assert [(name, url) for name, url in others if not ask(port, HOST, url, profiles[name]).is_hit] == []
