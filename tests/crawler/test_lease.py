"""The lock that other machines see: taken before the first page, renewed, given back; and what happens without it."""

from __future__ import annotations

import signal
import time

import pytest

from url_manifests.lease import LeaseAnswer, LeaseClaim, LeaseState

from .conftest import Project
from .fake_site import FakeSite


def test_it_is_taken_and_given_back(project: Project, site: FakeSite) -> None:
    assert project.crawl("run_id=one").returncode == 0
    assert [purpose for purpose, _ in site.claims] == ["lease", "release"]
    (_, taken), (_, ended) = site.claims
    assert taken == ended
    assert (taken.env, len(taken.token), len(taken.file)) == ("test", 32, 32)
    assert taken.since_s == pytest.approx(time.time(), abs=60)
    assert project.report["lock"] == "site"
    assert site.paths == ["/page/1/"] * 2


def test_the_second_run_asks_for_no_page_and_says_who_is_first(project: Project, site: FakeSite) -> None:
    site.lease_of_another = "run two, process 7 on build-3"
    done = project.crawl()
    assert done.returncode == 6, done.stderr
    assert "another crawl of 'test' is under way (run two, process 7 on build-3, since 2026-11-18 " in done.stderr
    assert "ends within 60 s" in done.stderr
    assert site.paths == []
    assert (project.report["exit_code"], project.report["skipped"], project.report["planned"]) == (6, 1, 1)


def test_it_is_renewed_and_a_run_that_lost_it_ends(project: Project, site: FakeSite) -> None:
    site.lease_ttl_s, site.latency_s = 1, 0.3
    project.write_urls(*(f"/page/{number}/" for number in range(200)))
    process = project.start("concurrency=1")
    deadline_s = time.monotonic() + 20
    while len(site.claims) < 4 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert len({claim for _, claim in site.claims}) == 1
    site.lease_of_another = "run two, process 7 on build-3"
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 6, stderr
    assert "the lock at the site was lost to run two, process 7 on build-3" in stderr
    assert project.report["planned"] == 200
    assert "resume=" not in project.report["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_gives_it_back(project: Project, site: FakeSite, number: int) -> None:
    site.latency_s = 0.1
    project.write_urls(*(f"/page/{number}/" for number in range(200)))
    process = project.start()
    deadline_s = time.monotonic() + 20
    while len(site.paths) < 5 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 5, stderr
    assert [purpose for purpose, _ in site.claims] == ["lease", "release"]


def test_a_site_without_it_leaves_the_lock_of_this_machine_and_the_report_says_so(
    project: Project, site: FakeSite
) -> None:
    site.keeps_leases = False
    done = project.crawl()
    assert done.returncode == 0
    assert project.report["lock"].startswith("this machine only: the site keeps no lock (it answers 404)")
    assert "a crawl on another machine would not have been noticed (the site keeps no lock" in done.stderr + done.stdout


def test_without_a_secret_nobody_is_asked(project: Project, site: FakeSite) -> None:
    project.write_env(base_url=site.url, ready_url="/healthz", rate=0)
    project.crawl("require_coverage=0")
    assert site.claims == []
    assert project.report["lock"] == "this machine only: WARM_SECRET is not set"


def test_each_instance_keeps_it(project: Project, site: FakeSite) -> None:
    project.crawl(f"base_urls={site.url}", "workers=1")
    assert [purpose for purpose, _ in site.claims] == ["lease", "lease", "release", "release"]


CLAIM = LeaseClaim(env="prod", token="0" * 32, host="build-1", pid=3, file="", since_s=5)


def test_a_claim_is_read_as_it_was_written() -> None:
    assert LeaseClaim.read(CLAIM.query()) == CLAIM


@pytest.mark.parametrize(
    "query",
    ["", "env=prod", CLAIM.query().replace("prod", "../x"), CLAIM.query().replace("pid=3", "pid=-3"), "x" * 2000],
)
def test_what_is_no_claim(query: str) -> None:
    with pytest.raises(ValueError, match=r"lacks|malformed|too long|no number|bad query"):
        LeaseClaim.read(query)


@pytest.mark.parametrize(
    "value", ["", "[]", "{}", '{"state":"mine"}', "null", "[" * 5000, '{"state":"held","ttl_s":"x"}']
)
def test_what_is_no_answer(value: str) -> None:
    with pytest.raises(ValueError, match=r"not an answer|Expecting value|not a valid|could not convert"):
        LeaseAnswer.decode(value)


def test_an_answer_cannot_write_on_the_terminal() -> None:
    answer = LeaseAnswer(state=LeaseState.OTHER, holder="run \x1b[31m\n" + "x" * 1000)
    holder = LeaseAnswer.decode(answer.encode()).holder
    assert holder.isprintable()
    assert len(holder) == 300
