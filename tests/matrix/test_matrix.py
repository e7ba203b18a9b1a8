"""What the warmer said about each row's page is what happened to its visitors."""

from __future__ import annotations

import pytest

from tests.browsers import ask
from url_manifests.outcomes import Result

from .conftest import Run
from .rows import BROWSERS, ROWS, Row

# Raised inside of Playwright.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

EACH_ROW = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
EACH_BROWSER = pytest.mark.parametrize("browser", BROWSERS)


@EACH_ROW
@EACH_BROWSER
def test_the_warmer_predicts_what_the_visitor_gets(row: Row, browser: str, run: Run) -> None:
    answer = run.visits[row.name, browser]
    assert answer.status == 200
    assert answer.is_hit == row.is_hit
    if row.is_in_manifest:
        outcome = run.outcomes[row.name, browser]
        assert (outcome.page, outcome.reason) == (row.result, row.reason)


@EACH_BROWSER
def test_hosts_of_one_process_have_pages_of_their_own(browser: str, run: Run) -> None:
    for row in ROWS:
        if row.name in ("same-headers", "second-host", "third-host"):
            assert run.visits[row.name, browser].body == f"http://{row.host}{row.url(browser)} en"


def test_what_is_not_warm_by_the_report_is_no_hit_for_anybody_else(run: Run) -> None:
    pages = {(row.name, browser): row for row in ROWS if row.is_in_manifest for browser in BROWSERS}
    assert pages.keys() == run.outcomes.keys()
    for case, row in pages.items():
        # A persona's page is one thing, what the leak probe leaves for anonymous visitors another.
        if run.outcomes[case].page is Result.NOT_STORED and row.reason != "per-session":
            assert not run.visits[case].is_hit, case


@EACH_BROWSER
def test_the_second_alias_still_has_the_page_when_the_first_has_lost_it(browser: str, run: Run) -> None:
    (row,) = (row for row in ROWS if row.name == "two-aliases")
    keys = [state.key for state in run.outcomes[row.name, browser].keys if state.alias == "default"]
    assert len(keys) == 2
    run.manage("forget", *keys)
    assert ask(run.ports["shop"], row.host, row.url(browser), run.browsers[browser]).is_hit


def test_a_header_that_the_site_does_not_read_ends_the_run(run: Run) -> None:
    crawled = run.crawl("vault", proxy_scheme_header="X-Https: on")
    assert crawled.returncode == 2, crawled.stderr
    assert "WARM_PROXY_SCHEME_HEADER" in crawled.stderr
    assert "SECURE_PROXY_SSL_HEADER" in crawled.stderr


@pytest.mark.parametrize("site", ["shop", "vault"])
def test_the_cross_check_finds_what_the_crawl_has_proven(site: str, run: Run) -> None:
    found = run.checks[site]
    assert found["keys"]["present"] > 10
    assert {name: found["keys"][name] for name in ("missing", "unreachable", "unreadable")} == {
        "missing": 0, "unreachable": 0, "unreadable": 0
    }, found["findings"]  # fmt: skip
    assert found["corrected"] == 0
