"""The spider within a real Crawler, without this project's command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from scrapy.crawler import Crawler
from scrapy.settings import Settings

import crawler.settings
from crawler.spiders.warm import WarmSpider
from url_manifests.errors import AnotherRunError, ConfigurationError

from .conftest import Project


@pytest.fixture
def built(project: Project, monkeypatch: pytest.MonkeyPatch) -> Crawler:
    monkeypatch.chdir(project.folder)
    settings = Settings()
    settings.setmodule(crawler.settings, priority="project")
    return Crawler(WarmSpider, settings)


def test_the_run_decides_over_the_project(built: Crawler) -> None:
    spider = WarmSpider.from_crawler(built, env="test", concurrency="7", max_bytes="1234")
    assert built.settings.getint("CONCURRENT_REQUESTS") == 7
    assert built.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN") == 7
    assert built.settings.getint("DOWNLOAD_MAXSIZE") == 1234
    asyncio.run(spider.closed("finished"))


def test_the_command_line_decides_over_the_run(built: Crawler) -> None:
    built.settings.set("DOWNLOAD_MAXSIZE", 99, priority="cmdline")
    spider = WarmSpider.from_crawler(built, env="test")
    assert built.settings.getint("DOWNLOAD_MAXSIZE") == 99
    asyncio.run(spider.closed("finished"))


def test_it_brings_its_own_run(built: Crawler, project: Project) -> None:
    spider = WarmSpider.from_crawler(built, env="test")
    with pytest.raises(AnotherRunError):
        WarmSpider.from_crawler(built, env="test")
    asyncio.run(spider.closed("shutdown"))
    assert project.report["skipped"] == 1
    assert Path("var/warm/test/outcomes.jsonl").exists()


def test_wrong_arguments_are_said_before_anything_is_written(built: Crawler) -> None:
    with pytest.raises(ConfigurationError):
        WarmSpider.from_crawler(built, env="test", rate="fast")
    assert not Path("var").exists()


def test_settings_are_only_what_differs() -> None:
    default = Settings()
    same = [
        name
        for name in dir(crawler.settings)
        if name.isupper() and default.get(name) == getattr(crawler.settings, name) and name in default
    ]
    # These two are said on purpose: a reader looks for them.
    assert same == ["DOWNLOAD_DELAY", "ROBOTSTXT_OBEY"]
