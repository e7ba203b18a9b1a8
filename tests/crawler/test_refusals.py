"""A site that knows the ticket and still does not answer: busy with visitors, or told to stop all runs."""

from __future__ import annotations

from .conftest import Project
from .fake_site import FakeSite
from .test_crawl import assert_adds_up


def test_a_site_that_is_busy_from_the_start_does_not_pass_for_one_that_refuses_the_ticket(
    project: Project, site: FakeSite
) -> None:
    project.write_urls("/reserved/", "/reserved/2/", "/reserved/3/", "/reserved/4/")
    result = project.crawl("deadline=15", "concurrency=1")
    assert result.returncode == 5, result.stderr
    assert "refuses warm requests (busy; latency" in result.stderr
    assert_adds_up(project, 4)


def test_a_stop_is_obeyed_and_nothing_is_asked_again(project: Project, site: FakeSite) -> None:
    project.write_urls("/page/1/", "/stopped/", *(f"/page/{number}/" for number in range(2, 50)))
    result = project.crawl("concurrency=1")
    assert result.returncode == 5, result.stderr
    assert "kill switch is on: maintenance" in result.stderr
    assert site.paths == ["/page/1/", "/stopped/"]  # not even for proof
    assert project.report["outcome"] == "protected"
    assert project.report["reasons"] == {"stopped": 50}
    assert_adds_up(project, 50)
