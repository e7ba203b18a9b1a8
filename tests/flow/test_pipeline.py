"""The whole line against the real example: log → manifest → crawl → caches → read-back → visitors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from demo import visitors
from tests.conftest import Site
from tests.servers import Server

from .conftest import Pipeline

StartSite = Callable[..., Site]

TARGETS = ["/en/", "/de/", "/en/delivery/", "/de/delivery/", "/en/journal/", "/en/offers/", "/en/contact/"]
UNCACHEABLE = {"/en/offers/", "/en/contact/"}


def targets(site: Site) -> list[str]:
    """What the log's visitors asked for: fixed pages, and some of the sitemap's."""
    return [*TARGETS, *visitors.listed_targets(site.deployment.port)[:30]]


@pytest.fixture(params=["db", "redis", "redis-builtin", "memcached"])
def cache(request: pytest.FixtureRequest) -> str:
    """The example's name of a cache backend, with its server running."""
    if request.param == "db":
        return "db"
    server: Server = request.getfixturevalue("memcached_server" if request.param == "memcached" else "redis_server")
    return server.url.replace("redis://", f"{request.param}://")


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_what_is_reported_warm_is_a_hit_for_visitors(
    cache: str, server: str, start_site: StartSite, pipeline: Pipeline
) -> None:
    site = start_site(cache=cache, server=server)
    pipeline.write_log(targets(site))
    built = pipeline.build()
    assert built.returncode == 0, built.stderr
    pipeline.aim_at(site, require_coverage="0.8")

    crawled = pipeline.crawl()
    assert crawled.returncode == 0, crawled.stderr
    report = pipeline.report()
    assert report["outcome"] == "ok"
    assert report["stored"] > 20
    assert report["planned"] == sum(
        report[name] for name in ("stored", "already_warm", "not_stored", "failed", "skipped", "unverifiable")
    )

    warm_pages = [line["url"] for line in pipeline.outcome_lines() if line.get("page") in ("stored", "already_warm")]
    for browser in visitors.BROWSERS:
        visits = visitors.send(site.deployment.port, [(url, browser) for url in warm_pages], scheme="http")
        assert [visit.target for visit in visits if not visit.is_hit] == []

    checked = pipeline.cross_check(site, "--require-coverage", "0.8")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert pipeline.report("checked.json")["outcome"] == "ok"


def test_pages_that_cannot_be_stored_say_why(start_site: StartSite, pipeline: Pipeline) -> None:
    site = start_site()
    pipeline.write_log(["/en/", "/en/contact/", "/en/sale/"])
    pipeline.build()
    pipeline.aim_at(site, require_coverage="0.1")
    pipeline.crawl()
    reasons = {line["url"]: line.get("reason") for line in pipeline.outcome_lines()}
    assert reasons["/en/contact/"] == "sets-cookie"
    assert reasons["/en/sale/"] == "redirect"


def test_a_second_run_finds_everything_warm(start_site: StartSite, pipeline: Pipeline) -> None:
    site = start_site()
    pipeline.write_log(targets(site))
    pipeline.build()
    pipeline.aim_at(site, require_coverage="0.8")
    assert pipeline.crawl().returncode == 0
    first = pipeline.report()
    assert pipeline.crawl().returncode == 0
    second = pipeline.report()
    assert second["stored"] == 0
    assert second["already_warm"] == first["stored"] + first["already_warm"]


def test_cross_check_finds_what_was_evicted(start_site: StartSite, pipeline: Pipeline, redis_server: Server) -> None:
    site = start_site(cache=redis_server.url)
    pipeline.write_log(targets(site))
    pipeline.build()
    pipeline.aim_at(site, require_coverage="0.8")
    assert pipeline.crawl().returncode == 0

    import redis

    with redis.Redis.from_url(redis_server.url) as store:
        prefix = site.env["EXAMPLE_CACHE_PREFIX"]
        for key in store.scan_iter(f"{prefix}:*cache_page*"):
            store.delete(key)
    checked = pipeline.cross_check(site, "--require-coverage", "0.8")
    assert checked.returncode == 4, checked.stdout + checked.stderr
    report = pipeline.report("checked.json")
    assert report["outcome"] == "unverified"
    assert report["reasons"]["evicted"] > 20


def test_half_of_the_pages_broken_is_below_coverage(start_site: StartSite, pipeline: Pipeline) -> None:
    site = start_site(EXAMPLE_BREAK="half")
    pipeline.write_log(visitors.listed_targets(site.deployment.port)[:40])
    pipeline.build()
    pipeline.aim_at(site)
    crawled = pipeline.crawl()
    assert crawled.returncode == 3, crawled.stderr
    report = pipeline.report()
    assert report["outcome"] == "partial"
    assert report["reasons"]["status-5xx"] >= 10
    assert "500" in report["examples"]["status-5xx"][0]


def assert_one_line_error(stderr: str, *words: str) -> None:
    """The last line says it all, and there is no traceback."""
    assert "Traceback" not in stderr
    for word in words:
        assert word in stderr


def test_a_stopped_server_is_not_ready(start_site: StartSite, pipeline: Pipeline) -> None:
    site = start_site()
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(site, ready_timeout="2")
    site.deployment.stop()
    crawled = pipeline.crawl()
    assert crawled.returncode == 7
    assert_one_line_error(crawled.stderr, "/healthz/", "2")
    assert pipeline.report()["outcome"] == "failed"


def test_a_login_wall_is_not_ready(start_site: StartSite, pipeline: Pipeline) -> None:
    site = start_site(EXAMPLE_BREAK="login_wall")
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(site, ready_timeout="2")
    crawled = pipeline.crawl()
    assert crawled.returncode == 7
    assert_one_line_error(crawled.stderr, "login")


def test_a_wrong_secret_is_a_configuration_error(start_site: StartSite, pipeline: Pipeline) -> None:
    site = start_site()
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(site, secret="another-secret-that-is-long-enough-0123456789")
    crawled = pipeline.crawl()
    assert crawled.returncode == 2
    assert_one_line_error(crawled.stderr, "WARM_SECRET", "CacheWarmingMiddleware")


def test_a_wrong_public_url_is_a_configuration_error(start_site: StartSite, pipeline: Pipeline) -> None:
    site = start_site()
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.aim_at(site, public_url="https://shop.example", proxy_scheme_header="none")
    crawled = pipeline.crawl()
    assert crawled.returncode == 2
    assert_one_line_error(crawled.stderr, "http://shop.example", "https://shop.example")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"require_coverage": "1.01"}, ["WARM_REQUIRE_COVERAGE", "1.01"], id="a share above one"),
        pytest.param({"deadlin": "5"}, ["deadlin", "deadline"], id="a typo is answered with the nearest name"),
        pytest.param({"manifest": "nowhere.jsonl"}, ["nowhere.jsonl"], id="a missing manifest"),
        pytest.param({"rate": "fast"}, ["WARM_RATE", "fast"], id="a rate that is no number"),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments: dict[str, str], words: list[str], pipeline: Pipeline) -> None:
    pipeline.write_log(TARGETS)
    pipeline.build()
    pipeline.write_env(base_url="http://127.0.0.1:9", manifest="manifest.jsonl")
    crawled = pipeline.crawl(**arguments)
    assert crawled.returncode == 2
    assert_one_line_error(crawled.stderr, *words)


def test_an_unknown_environment_names_the_file_to_write(pipeline: Pipeline) -> None:
    crawled = pipeline.crawl()
    assert crawled.returncode == 2
    assert_one_line_error(crawled.stderr, ".env.test", "WARM_BASE_URL")


def test_a_malformed_manifest_is_named_by_line_and_field(pipeline: Pipeline) -> None:
    pipeline.write_log(TARGETS)
    pipeline.build()
    manifest = pipeline.folder / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace('"hits": ', '"hits": -')
    manifest.write_text("".join(lines))
    pipeline.write_env(base_url="http://127.0.0.1:9", manifest="manifest.jsonl")
    crawled = pipeline.crawl()
    assert crawled.returncode == 2
    assert_one_line_error(crawled.stderr, "manifest.jsonl", "line 3", "hits")
