"""The second look at the end of the run."""

from __future__ import annotations

from collections import Counter

import pytest

from crawler.answer import Answer
from crawler.late import look_again
from crawler.outcome import judge
from crawler.sample import Sample
from url_manifests.manifest import Entry
from url_manifests.outcomes import Outcome, Result

from .conftest import Project
from .fake_site import FakeSite
from .test_crawl import assert_adds_up
from .test_outcome import NO_TRACE, PLANNED, failed, ok, page, part

PAGE = judge(PLANNED, ok(page("s")), ok(page("h")))
PARTS = judge(PLANNED, ok(part("s"), reason="private"), ok(part("h"), reason="private"))
CHANGING = judge(
    PLANNED, ok(part("s", "n1"), part("s"), reason="private"), ok(part("s", "n2"), part("h"), reason="private")
)


@pytest.mark.parametrize(
    ("outcome", "answer", "result", "reason"),
    [
        (PAGE, ok(page("h")), Result.STORED, ""),
        (PAGE, ok(page("s")), Result.NOT_STORED, "evicted"),
        (PAGE, ok(page("m")), Result.NOT_STORED, "evicted"),
        (PAGE, failed("status-5xx", 500), Result.FAILED, "status-5xx"),  # a site that changes its mind
        (PARTS, ok(part("h"), reason="private"), Result.STORED, "private"),
        (PARTS, ok(part("s"), reason="private"), Result.NOT_STORED, "evicted"),
        (PARTS, ok(reason="private"), Result.STORED, "private"),  # another part may hide it
        (CHANGING, ok(part("s", "n3"), part("h"), reason="private"), Result.STORED, "private"),
    ],
)
def test_verdict(outcome: Outcome, answer: Answer, result: Result, reason: str) -> None:
    assert outcome.result is Result.STORED
    now = look_again(outcome, answer)
    assert now is not None
    assert (now.result, now.reason) == (result, reason)
    assert (now is outcome) is (result is Result.STORED)


@pytest.mark.parametrize("answer", [failed("busy", 503), failed("timeout"), failed("connection"), NO_TRACE])
def test_no_answer_proves_nothing(answer: Answer) -> None:
    assert look_again(PAGE, answer) is None


def test_the_sample_is_even_and_bounded() -> None:
    counts: Counter[int] = Counter()
    for seed in range(300):
        sample = Sample(str(seed), size=10)
        for number in range(100):
            sample.offer(number, PAGE)
        assert len(sample.chosen) == 10
        counts.update(number // 10 for number, _ in sample.chosen)
    assert min(counts.values()) > 230  # 300 on average


@pytest.mark.parametrize("mode", ["sample", "all"])
def test_a_cache_that_is_too_small(project: Project, site: FakeSite, mode: str) -> None:
    site.holds = 20
    project.write_urls(*(f"/page/{number}/" for number in range(50)))
    result = project.crawl(f"verify={mode}", "concurrency=1", "prove_within=0")
    assert result.returncode == 4, result.stderr
    assert "that were warm had gone by the end of the run" in result.stderr
    report = project.report
    assert report["outcome"] == "unverified"
    assert report["reasons"]["evicted"] == report["late_check"]["gone"] >= 30
    assert report["late_check"]["asked"] == 50
    assert [outcome.url for outcome in project.outcomes] == [f"/page/{number}/" for number in range(50)]
    assert_adds_up(project, 50)


@pytest.mark.parametrize(("mode", "asked"), [("sample", 200), ("all", 450)])
def test_all_or_a_sample(project: Project, site: FakeSite, mode: str, asked: int) -> None:
    project.write_urls(*(f"/page/{number}/" for number in range(450)))
    assert project.crawl(f"verify={mode}").returncode == 0
    assert project.report["late_check"] == {
        "mode": mode, "asked": asked, "gone": 0, "failed": 0, "unanswered": 0, "coverage": 1.0
    }  # fmt: skip
    assert len(site.paths) == 900 + asked
    assert_adds_up(project, 450)


def test_a_sample_speaks_for_the_rest(project: Project, site: FakeSite) -> None:
    site.holds = 300
    project.write_urls(*(f"/page/{number}/" for number in range(600)))
    result = project.crawl("verify=sample", "concurrency=1", "prove_within=0")
    assert result.returncode == 4, result.stderr
    report = project.report
    assert report["late_check"]["coverage"] < 0.6 < report["coverage"]
    assert_adds_up(project, 600)


def test_what_is_lost_within_what_is_required(project: Project, site: FakeSite) -> None:
    site.holds = 48
    project.write_urls(*(f"/page/{number}/" for number in range(50)))
    assert project.crawl("verify=all", "concurrency=1", "require_coverage=0").returncode == 0
    assert project.report["reasons"]["evicted"] >= 2


def test_a_page_that_breaks_meanwhile_is_no_fault_of_the_caches(project: Project, site: FakeSite) -> None:
    """Exit code 4 has whoever is awake look at the memory of caches."""
    project.write_urls("/page/1/", "/breaks-later/1/")
    result = project.crawl("verify=all", "require_coverage=0.9")
    assert result.returncode == 3, result.stderr
    assert "MAX_ENTRIES" not in result.stderr
    report = project.report
    assert (report["failed"], report["late_check"]["failed"], report["late_check"]["gone"]) == (1, 1, 0)
    assert_adds_up(project, 2)


def test_not_after_the_deadline(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.1
    project.write_urls(*(f"/page/{number}/" for number in range(50)))
    assert project.crawl("verify=all", "deadline=1").returncode == 3
    assert project.report["late_check"]["asked"] == 0
    assert_adds_up(project, 50)


def test_an_entry_of_another_variant_and_host(project: Project, site: FakeSite) -> None:
    shares = {"chrome": 0.5, "safari": 0.5}
    project.write_entries([Entry(url="/page/1/", hits=2, variants=shares, host="de.shop.example")])
    assert project.crawl("verify=all", "public_url=http://shop.example").returncode == 0
    assert project.report["late_check"]["gone"] == 0
    assert {line.split(b"\r\n")[1] for line in site.seen if b"/page/" in line} == {b"Host: de.shop.example"}
