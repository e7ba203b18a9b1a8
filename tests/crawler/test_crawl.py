"""The command as pipelines run it: exit codes, report, outcome file, one line on what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from url_manifests.manifest import Entry

from .conftest import Project, clean_environ
from .fake_site import SECRET, FakeSite, serving

ONE_OF_EACH = {
    "/page/1/": ("stored", ""),
    "/page/2/?b=2&a=1": ("stored", ""),
    "/private/1/": ("stored", "private"),
    "/once-busy/": ("stored", ""),
    "/never/": ("not_stored", "no-store"),
    "/lost/": ("not_stored", "refused-by-backend"),
    "/moved/": ("not_stored", "redirect"),
    "/members/": ("failed", "login-redirect"),
    "/missing/": ("failed", "status-4xx"),
    "/broken/": ("failed", "status-5xx"),
    "/half-broken/": ("failed", "status-5xx"),
    "/slow/": ("failed", "timeout"),
    "/huge/": ("failed", "too-large"),
    "/endless/": ("failed", "too-large"),
    "/cut/": ("failed", "connection"),
    "/cut-off/": ("failed", "connection"),
    "/garbage/": ("failed", "bad-response"),
}
TOTALS = ("stored", "already_warm", "not_stored", "failed", "skipped", "unverifiable")


def assert_adds_up(project: Project, planned: int) -> None:
    report = project.report
    assert report["planned"] == planned == sum(report[name] for name in TOTALS)
    assert Counter(outcome.result for outcome in project.outcomes) == {
        name: report[name] for name in TOTALS if report[name]
    }


def test_warm_then_already_warm(project: Project, site: FakeSite) -> None:
    project.write_urls(*(f"/page/{number}/" for number in range(30)))
    first = project.crawl()
    assert (first.returncode, first.stdout) == (0, "")
    assert (project.report["stored"], project.report["coverage"], project.report["outcome"]) == (30, 1.0, "ok")
    assert project.report["requests_sent"] == 60
    site.seen.clear()
    second = project.crawl()
    assert second.returncode == 0
    assert (project.report["already_warm"], project.report["stored"]) == (30, 0)
    assert len(site.paths) == 30
    assert_adds_up(project, 30)


def test_each_kind_of_answer(project: Project, site: FakeSite) -> None:
    project.write_env(base_url=site.url, secret=SECRET, ready_url="/healthz", rate=0, timeout=1.5, max_bytes=100_000)
    project.write_urls(*ONE_OF_EACH)
    result = project.crawl()
    assert result.returncode == 3, result.stderr
    assert {outcome.url: (outcome.result, outcome.reason) for outcome in project.outcomes} == ONE_OF_EACH
    assert_adds_up(project, len(ONE_OF_EACH))
    assert "token=abc" not in (project.folder / "var/warm/test/outcomes.jsonl").read_text()
    assert "Traceback" not in result.stderr
    assert "WARNING" not in result.stderr
    # Nothing but the listed URLs was asked for: no redirect was followed.
    assert set(site.paths) == set(ONE_OF_EACH)


def test_half_of_the_pages_broken(project: Project) -> None:
    urls = [f"/{kind}/{number}/" for number in range(40) for kind in ("page", "broken")]
    project.write_urls(*urls)
    result = project.crawl()
    assert result.returncode == 3, result.stderr
    report = project.report
    assert (report["stored"], report["failed"], report["outcome"]) == (40, 40, "partial")
    assert report["coverage"] == 0.5
    assert report["examples"]["status-5xx"][0].startswith("/broken/")
    assert "40 status-5xx" in result.stderr


def test_variants_are_separate_and_weighted(project: Project, site: FakeSite) -> None:
    project.write_entries([Entry(url="/page/1/", hits=200, variants={"chrome": 0.75, "safari": 0.25})])
    assert project.crawl().returncode == 0
    assert {o.profile: (o.weight, o.result) for o in project.outcomes} == {
        "chrome": (150.0, "stored"),
        "safari": (50.0, "stored"),
    }
    assert len(site.paths) == 4


def test_most_valuable_first_and_proof_afterwards(project: Project, site: FakeSite) -> None:
    project.write_urls(*(f"/page/{number}/" for number in range(20)))
    assert project.crawl("concurrency=1").returncode == 0
    assert site.paths == [f"/page/{number}/" for number in range(20)] * 2


def test_proof_at_once(project: Project, site: FakeSite) -> None:
    project.write_urls(*(f"/page/{number}/" for number in range(20)))
    assert project.crawl("concurrency=1", "prove_within=0").returncode == 0
    assert site.paths == [f"/page/{number}/" for number in range(20) for _ in range(2)]


def test_proof_waits_no_longer_than_it_may(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.05
    project.write_urls(*(f"/page/{number}/" for number in range(40)))
    assert project.crawl("concurrency=1", "prove_within=0.5").returncode == 0
    firsts: dict[str, float] = {}
    waits = [at_s - firsts[path] for path, at_s in zip(site.paths, site.times[1:], strict=True)
             if firsts.setdefault(path, at_s) != at_s]  # fmt: skip
    assert len(waits) == 40
    # One entry may be under way when the time is up; the rest of a block is proven one after another.
    assert 0.4 < max(waits) < 1.5


def test_what_was_filled_is_proven_before_the_deadline(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.05
    project.write_urls(*(f"/page/{number}/" for number in range(200)))
    result = project.crawl("concurrency=1", "deadline=3", "require_coverage=0")
    assert result.returncode == 0, result.stderr
    report = project.report
    assert report["deadline_reached"]
    assert report["stored"] > 10
    assert {name: count for name, count in report["reasons"].items() if count} == {"deadline": 200 - report["stored"]}
    assert len(site.paths) == 2 * report["stored"]
    assert report["elapsed_s"] < 5
    assert_adds_up(project, 200)


def test_what_ends_soon_is_proven_at_once(project: Project, site: FakeSite) -> None:
    site.extra = {"page_ttl_s": 200}
    project.write_urls("/page/1/", "/page/2/")
    assert project.crawl("concurrency=1").returncode == 0
    assert site.paths == ["/page/1/", "/page/1/", "/page/2/", "/page/2/"]


def test_only(project: Project, site: FakeSite) -> None:
    project.write_urls("/page/1/", "/page/2/?a=1", "/private/1/", "/broken/")
    result = project.crawl("only=/private/,/page/*?a=1")
    assert result.returncode == 0, result.stderr
    assert set(site.paths) == {"/page/2/?a=1", "/private/1/"}
    assert project.report["reasons"]["excluded"] == 2
    assert project.report["coverage_all"] == 0.5
    assert_adds_up(project, 4)


def test_what_is_unsafe_is_never_asked_for_even_if_somebody_wrote_it_into_a_manifest(
    project: Project, site: FakeSite
) -> None:
    project.write_urls("/page/1/", "/account/logout/", "/cut-off/?token=d3b07384d113edec49eaa6238ad5ff00")
    project.crawl("require_coverage=0")
    assert set(site.paths) == {"/page/1/"}
    assert project.report["reasons"]["unsafe"] == 2
    assert "d3b07384" not in (project.folder / "var" / "warm" / "test" / "outcomes.jsonl").read_text()
    assert_adds_up(project, 3)


def test_own_rules_allow_what_the_built_in_ones_keep_out(project: Project, site: FakeSite) -> None:
    project.write_urls("/page/cancel/")
    (project.folder / "rules.toml").write_text('[allow]\nurls = ["^/page/"]\n')
    project.crawl("rules=rules.toml", "require_coverage=0")
    assert set(site.paths) == {"/page/cancel/"}


def test_deadline(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.1
    project.write_urls(*(f"/page/{number}/" for number in range(100)))
    result = project.crawl("deadline=1", "concurrency=2")
    assert result.returncode == 3
    report = project.report
    assert report["deadline_reached"]
    assert report["error"] is None
    assert report["reasons"] == {"deadline": report["skipped"]}
    assert report["stored"] >= 4
    assert report["elapsed_s"] < 3
    assert_adds_up(project, 100)


def test_several_profiles_without_a_secret(project: Project, site: FakeSite) -> None:
    project.write_env(base_url=site.url, ready_url="/healthz", rate=0)
    result = project.crawl()
    assert result.returncode == 3
    assert "WARM_SECRET is not set" in result.stderr
    report = project.report
    assert (report["unverifiable"], report["outcome"], report["reasons"]) == (1, "unverified", {"trace-missing": 1})


# --- exit code 1 -----------------------------------------------------------------------------------------------------


def test_an_unexpected_error(project: Project) -> None:
    (project.folder / "broken.py").write_text(
        "import crawler.visit\n"
        "from crawler.settings import *\n"
        "def judge(*args): raise RuntimeError('a bug')\n"
        "crawler.visit.judge = judge\n"
    )
    (project.folder / "scrapy.cfg").write_text("[settings]\ndefault = broken\n")
    project.write_urls(*(f"/page/{number}/" for number in range(10)))
    result = project.crawl("concurrency=1", "verify=sample")
    assert result.returncode == 1
    assert "unexpected RuntimeError: a bug" in result.stderr
    assert project.report["error"].startswith("unexpected RuntimeError: a bug")
    assert_adds_up(project, 10)


# --- exit code 2 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("require_coverage=1.01", "WARM_REQUIRE_COVERAGE: '1.01' (from -a) must be a share from 0 to 1"),
        ("rat=5", "-a: 'rat' is unknown; did you mean 'rate'?"),
        ("secret=abc", "-a secret: would be visible in the process list; set WARM_SECRET instead"),
        ("manifest=none.jsonl", "none.jsonl: is not there; build it: python -m url_manifests build LOG -o "),
        ("base_url=localhost:8000", "WARM_BASE_URL: 'localhost:8000' (from -a) must be a URL"),
    ],
)
def test_wrong_usage(project: Project, site: FakeSite, argument: str, expected: str) -> None:
    result = project.crawl(argument)
    assert result.returncode == 2
    assert result.stderr.startswith(f"scrapy crawl warm: {expected}")
    assert result.stderr.count("\n") == 1
    assert site.seen == []
    assert not (project.folder / "var").exists()


def test_a_misspelled_spider(project: Project) -> None:
    command = [sys.executable, "-m", "scrapy", "crawl", "wram", "-a", "env=test"]
    result = subprocess.run(
        command, cwd=project.folder, env=clean_environ(), capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 2
    assert "there is no spider 'wram'; there is warm" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_environment_file(empty_project: Project) -> None:
    result = empty_project.crawl()
    assert result.returncode == 2
    assert "there is no file .env.test" in result.stderr
    assert "write .env.test with at least a line WARM_BASE_URL=" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_manifest_that_is_wrong_further_down(project: Project) -> None:
    """The first entries are checked before the site is asked; what stands behind them ends a run that has begun."""
    project.write_urls(*(f"/page/{number}/" for number in range(1010)))
    path = project.folder / "url_manifests/test.jsonl"
    lines = path.read_text().splitlines()
    lines[1005] = '{"url": "no-slash", "hits": 1}'
    path.write_text("\n".join(lines) + "\n")
    result = project.crawl()
    assert result.returncode == 2
    assert "line 1006, field 'url'" in result.stderr
    assert "Traceback" not in result.stderr
    assert project.report["exit_code"] == 2
    assert project.report["planned"] == 1004


def test_a_manifest_that_is_wrong_at_its_beginning_begins_no_run(project: Project, site: FakeSite) -> None:
    project.write_urls("/page/1/", "/page/2/")
    path = project.folder / "url_manifests/test.jsonl"
    path.write_text(path.read_text().replace("/page/2/", "no-slash"))
    result = project.crawl()
    assert result.returncode == 2
    assert "line 3, field 'url'" in result.stderr
    assert site.paths == []


def test_a_manifest_without_entries_is_no_success(project: Project, site: FakeSite) -> None:
    (project.folder / "url_manifests/test.jsonl").unlink()
    project.write_urls()
    result = project.crawl()
    assert result.returncode == 2
    assert "line 1, field 'entries': holds no entry" in result.stderr
    assert site.paths == []


@pytest.mark.parametrize("has_middleware", [True, False])
def test_a_refused_ticket(project: Project, site: FakeSite, has_middleware: bool) -> None:
    site.has_middleware = has_middleware
    site.secret = "another-secret-0123456789-0123456789"
    result = project.crawl()
    assert result.returncode == 2
    assert "the site did not accept the ticket" in result.stderr
    assert project.report["exit_code"] == 2
    assert project.report["skipped"] == 1


def test_a_scheme_that_the_site_does_not_see(project: Project, site: FakeSite) -> None:
    site.scheme_header = "x-our-own-scheme"
    result = project.crawl("public_url=https://shop.example")
    assert result.returncode == 2
    assert "SECURE_PROXY_SSL_HEADER" in result.stderr
    assert "'http://shop.example/page/1/'" in result.stderr
    result = project.crawl("public_url=https://shop.example", "proxy_scheme_header=X-Our-Own-Scheme: {scheme}")
    assert result.returncode == 0, result.stderr


# --- exit code 5 -----------------------------------------------------------------------------------------------------


def test_an_overloaded_site_is_left_alone(project: Project, site: FakeSite) -> None:
    project.write_urls(*(f"/cut-off/{number}/" for number in range(200)))
    result = project.crawl()
    assert result.returncode == 5, result.stderr
    assert "stopped to protect the site" in result.stderr
    assert len(site.paths) < 40
    assert project.report["outcome"] == "protected"
    assert project.report["reasons"]["protected"] > 150
    assert_adds_up(project, 200)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_reports_what_it_did(project: Project, site: FakeSite, signal_number: int) -> None:
    site.latency_s = 0.05
    project.write_urls(*(f"/page/{number}/" for number in range(500)))
    process = project.start("prove_within=0")
    wait_for(lambda: len(site.paths) > 20)
    process.send_signal(signal_number)
    started_at_s = time.monotonic()
    _, stderr = process.communicate(timeout=30)
    assert time.monotonic() - started_at_s < 2
    assert process.returncode == 5, stderr
    report = project.report
    assert report["stored"] >= 5
    assert set(report["reasons"]) == {"stopped"}
    assert_adds_up(project, 500)
    assert project.crawl("only=/page/1/").returncode == 0  # the lock is free again


@pytest.mark.parametrize("how", ["SIGTERM", "file"])
def test_a_stop_does_not_wait_for_slow_pages(project: Project, site: FakeSite, how: str) -> None:
    project.write_urls("/page/1/", *(f"/slow/{number}/" for number in range(49)))
    process = project.start()
    wait_for(lambda: any(path.startswith("/slow/") for path in site.paths))
    started_at_s = time.monotonic()
    if how == "file":
        (project.folder / "var/warm/test.stop").touch()
    else:
        process.terminate()
    _, stderr = process.communicate(timeout=30)
    assert time.monotonic() - started_at_s < 4  # two seconds, and the time to end the process on a busy machine
    assert process.returncode == 5, stderr
    assert "Traceback" not in stderr
    assert ("test.stop is there" in stderr) == (how == "file")
    assert_adds_up(project, 50)


def test_stopped_while_waiting_for_the_site(project: Project, site: FakeSite) -> None:
    site.ready = ["503"] * 1000
    process = project.start("ready_timeout=60")
    wait_for(lambda: len(site.seen) > 1)
    process.terminate()
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 5, stderr
    assert "Traceback" not in stderr
    assert_adds_up(project, 1)


def test_stopped_while_the_site_asked_for_a_pause(project: Project, site: FakeSite) -> None:
    project.write_urls("/page/1/", "/busy/1/", "/busy/2/")
    process = project.start("concurrency=1")
    wait_for(lambda: "/busy/1/" in site.paths)
    process.terminate()
    started_at_s = time.monotonic()
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 5, stderr
    assert time.monotonic() - started_at_s < 2
    assert_adds_up(project, 3)


# --- exit code 6 -----------------------------------------------------------------------------------------------------


def test_a_second_run_leaves(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.2
    project.write_urls(*(f"/page/{number}/" for number in range(100)))
    process = project.start("run_id=first")
    wait_for(lambda: len(site.paths) > 2)
    second = project.crawl("report=elsewhere/report.json")
    assert second.returncode == 6
    assert "another run is under way (run first of 'test', process" in second.stderr
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    site.latency_s = 0
    assert project.crawl().returncode == 0  # the lock of a dead run ends by itself


# --- exit code 7 -----------------------------------------------------------------------------------------------------


def test_nobody_listens(project: Project) -> None:
    result = project.crawl("base_url=http://127.0.0.1:9", "ready_timeout=1.5")
    assert result.returncode == 7
    assert "connection refused; is WARM_BASE_URL right" in result.stderr
    assert "Traceback" not in result.stderr
    assert project.report["exit_code"] == 7
    assert project.report["reasons"] == {"stopped": 1}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("login", "redirects to /accounts/login/, a login page"), ("500", "answers 500"), ("400", "ALLOWED_HOSTS")],
)
def test_never_ready(project: Project, site: FakeSite, answer: str, expected: str) -> None:
    site.ready = [answer] * 100
    result = project.crawl("ready_timeout=1")
    assert result.returncode == 7
    assert expected in result.stderr
    assert site.paths == []


def test_ready_after_a_while(project: Project, site: FakeSite) -> None:
    site.ready = ["503", "503", "login"]
    assert project.crawl().returncode == 0


def test_another_release(project: Project, site: FakeSite) -> None:
    site.release = "old"
    result = project.crawl("release=new")
    assert result.returncode == 7
    assert "release 'old' answers" in result.stderr


# --- what people see, and files ---------------------------------------------------------------------------------------


def test_progress_and_summary_can_be_silent(project: Project) -> None:
    assert project.crawl("progress=none").stderr == ""


def test_lines_of_progress(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.3
    project.write_urls(*(f"/page/{number}/" for number in range(40)))
    result = project.crawl("progress=lines")
    assert "of 40 entries" in result.stderr
    assert "stored" in result.stderr.splitlines()[1]


def test_a_bar_ends_cleanly(project: Project) -> None:
    result = project.crawl("progress=bar")
    assert result.returncode == 0
    assert "1 planned: 1 stored" in result.stderr


def test_outcomes_of_another_folder(project: Project, tmp_path: Path) -> None:
    assert project.crawl(f"report={tmp_path}/r/report.json").returncode == 0
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["outcomes.jsonl", "report.json"]


def test_a_site_that_goes_away(project: Project) -> None:
    with serving(FakeSite(latency_s=0.05)) as brief:
        project.write_urls(*(f"/page/{number}/" for number in range(300)))
        process = project.start(f"base_url={brief.url}", "prove_within=0")
        wait_for(lambda: len(brief.paths) > 20)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 5, stderr
    assert project.report["stored"] > 0
    assert_adds_up(project, 300)


def wait_for(condition, timeout_s: float = 10.0) -> None:
    give_up_at_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at_s, "waited in vain"
        time.sleep(0.02)


def test_a_disk_that_is_full_begins_no_run(project: Project, site: FakeSite) -> None:
    result = project.crawl("outcomes=/dev/full")
    assert result.returncode == 2
    assert "/dev/full cannot be written: No space left" in result.stderr
    assert "Warning" not in result.stderr
    assert site.paths == []


def test_other_spiders_of_a_project_run_as_ever(project: Project, site: FakeSite) -> None:
    (project.folder / "own.py").write_text(
        "import scrapy\n"
        "from crawler.settings import *\n"
        "SPIDER_MODULES = ['crawler.spiders', 'own']\n"
        "class Own(scrapy.Spider):\n"
        "    name = 'own'\n"
        f"    start_urls = ['{site.url}/page/1/']\n"
        "    def parse(self, response):\n"
        "        yield {'status': response.status}\n"
    )
    (project.folder / "scrapy.cfg").write_text("[settings]\ndefault = own\n")
    command = [sys.executable, "-m", "scrapy", "crawl", "own"]
    options = {"cwd": project.folder, "env": clean_environ(), "capture_output": True, "text": True, "timeout": 60}
    result = subprocess.run(command, check=False, **options)
    assert (result.returncode, result.stderr) == (0, "")
    assert site.paths == ["/page/1/"]


def test_a_signal_ends_it_at_once_whatever_is_under_way_and_still_tells_the_truth(
    project: Project, site: FakeSite
) -> None:
    project.write_env(base_url=site.url, secret=SECRET, ready_url="/healthz", rate=0, timeout=30)
    project.write_urls("/page/1/", "/slow/1/", "/slow/2/")
    process = project.start()
    wait_for(lambda: "/slow/2/" in site.paths)
    process.terminate()
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 5, stderr
    assert "Traceback" not in stderr
    assert {outcome.url: outcome.reason for outcome in project.outcomes if outcome.url != "/page/1/"} == {
        "/slow/1/": "stopped",
        "/slow/2/": "stopped",
    }
    assert_adds_up(project, 3)


def test_variants_that_share_a_key_are_computed_once(project: Project, site: FakeSite) -> None:
    site.latency_s = 0.02
    shares = {"chrome": 0.5, "safari": 0.5}
    project.write_entries([Entry(url=f"/same/{number}/", hits=10, variants=shares) for number in range(20)])
    assert project.crawl().returncode == 0
    assert (project.report["stored"], project.report["already_warm"]) == (20, 20)
    assert len(site.paths) == 60
    assert_adds_up(project, 40)


def test_a_deadline_between_two_variants(project: Project, site: FakeSite) -> None:
    site.latency_s = 1.6  # so the first variant takes longer than there is time, whenever it begins
    shares = {"chrome": 0.5, "safari": 0.5}
    project.write_entries([Entry(url=f"/page/{number}/", hits=10, variants=shares) for number in range(5)])
    assert project.crawl("deadline=3", "concurrency=2").returncode == 3
    assert project.report["reasons"] == {"deadline": project.report["skipped"]}
    ended = {outcome.url: {o.result for o in project.outcomes if o.url == outcome.url} for outcome in project.outcomes}
    assert {"stored", "skipped"} in ended.values()
    assert_adds_up(project, 10)


def test_a_site_that_has_visitors_is_busy_with_us_for_a_third_of_the_time(project: Project, site: FakeSite) -> None:
    site.extra, site.latency_s = {"load": {"visitors": 1}}, 0.05
    project.write_urls(*(f"/page/{number}/" for number in range(10)))
    began_s = time.monotonic()
    assert project.crawl("verify=none", "concurrency=1").returncode == 0
    assert time.monotonic() - began_s > 20 * 0.1, "20 requests, with 0.1 s of peace after each"
    assert project.report["rate_achieved"] < 10
