"""A real Chromium visits warmed pages, and the server answers it from the cache."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import sync_playwright

from demo import visitors
from demo.deployment import PUBLIC_HOST
from tests.browsers import BACKGROUND_OFF, listening
from tests.conftest import Site
from url_manifests.profiles import PROFILES

from .conftest import PUBLIC_URL, Pipeline


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")  # raised inside of Playwright
def test_chromium_hits_ten_warmed_pages(start_site: Callable[..., Site], pipeline: Pipeline, chromium: str) -> None:
    site = start_site()
    pages = ["/en/", "/de/", *visitors.listed_targets(site.deployment.port)[:8]]
    pipeline.write_log(pages)
    pipeline.build()
    pipeline.aim_at(site)
    assert pipeline.crawl().returncode == 0

    mapping = f"--host-resolver-rules=MAP {PUBLIC_HOST}:80 127.0.0.1:{site.deployment.port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*BACKGROUND_OFF, mapping])
        page = browser.new_page()
        responses = [page.goto(PUBLIC_URL + path) for path in pages]
        # Django's page cache adds Age to what it serves from its store, and to nothing else.
        ages = {path: response.headers.get("age") for path, response in zip(pages, responses, strict=True) if response}
        unwarmed = page.goto(f"{PUBLIC_URL}/en/search/?q=never-warmed")
        assert unwarmed is not None
        assert "age" not in unwarmed.headers
        browser.close()
    assert len(ages) == 10
    assert [path for path, age in ages.items() if age is None] == []


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")  # raised inside of Playwright
def test_the_chrome_profile_is_what_chromium_sends(chromium: str) -> None:
    with listening() as (url, seen), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BACKGROUND_OFF)
        page = browser.new_page()
        page.goto(url + "page", wait_until="commit")
        browser.close()
    sent = {name.lower(): value for name, value in seen[0].items()}
    profile = {name.lower(): value for name, value in PROFILES["chrome"].items()}
    # Brand, version and platform are this build's own; no page that is cached varies on them by the byte.
    own = {"user-agent", "sec-ch-ua", "sec-ch-ua-platform"}
    assert {name: sent[name] for name in profile if name not in own} == {
        name: value for name, value in profile.items() if name not in own
    }
    assert [name for name in sent if name in profile] == list(profile)
