"""Signed-in visitors: whom they are, what they warm, and what must not reach others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from url_manifests.manifest import Entry
from url_manifests.personas import Personas, write_personas

from .conftest import Project
from .fake_site import FakeSite
from .test_crawl import assert_adds_up
from .test_wire import header_lines, lower

SESSIONS = {"trade": "s-trade-secret", "staff": "s-staff-secret"}


def write_sessions(project: Project, *, minutes: float = 10) -> Path:
    path = project.folder / "personas.json"
    expires_at = datetime.now(UTC) + timedelta(minutes=minutes)
    write_personas(path, Personas(cookie="sessionid", expires_at=expires_at, sessions=SESSIONS))
    return path


def test_parts_of_roles_are_warmed_and_sessions_kept_to_themselves(project: Project, site: FakeSite) -> None:
    path = write_sessions(project)
    project.write_entries([Entry(url=f"/personal/{n}/", hits=10, signed_in=0.5) for n in range(5)])
    result = project.crawl(f"personas={path}", "verify=all", "concurrency=1")
    assert result.returncode == 0, result.stderr
    outcomes = project.outcomes
    assert {(o.persona, o.result, o.page) for o in outcomes if o.persona} == {
        ("trade", "already_warm", "not_stored"),
        ("staff", "already_warm", "not_stored"),
    }
    assert {o.reason for o in outcomes if o.persona} == {"per-session"}
    assert project.report["parts_only"] == {"per-session": 10}
    assert project.report["personas"] == ["trade", "staff"]
    cookies = {dict(lower(header_lines(head))).get("cookie") for head in site.seen}
    assert cookies == {None, "sessionid=s-trade-secret", "sessionid=s-staff-secret"}
    assert_adds_up(project, 15)
    written = [p.read_text() for p in (project.folder / "var").rglob("*") if p.is_file()]
    assert not any("-secret" in text for text in (*written, result.stderr))


def test_a_leak_ends_the_run(project: Project, site: FakeSite) -> None:
    path = write_sessions(project)
    entries = [Entry(url="/leaky/1/", hits=100, signed_in=1.0), *(Entry(url=f"/page/{n}/", hits=1) for n in range(30))]
    project.write_entries(entries)
    result = project.crawl(f"personas={path}", "concurrency=1")
    assert result.returncode == 4, result.stderr
    assert "/leaky/1/ serves to others what it stored for a signed-in visitor" in result.stderr
    (first, *_) = project.outcomes
    assert (first.url, first.persona, first.result, first.reason) == ("/leaky/1/", "trade", "failed", "leak")
    assert project.report["examples"]["leak"] == ["/leaky/1/ (default:page:/leaky/1/ of trade)"]
    assert "-secret" not in result.stderr
    assert_adds_up(project, 32)


@pytest.mark.parametrize(
    ("mode", "minutes", "expected"), [(0o640, 10, "can be read by others"), (0o600, -1, "mint new ones")]
)
def test_files_that_are_not_used(project: Project, site: FakeSite, mode: int, minutes: float, expected: str) -> None:
    path = write_sessions(project, minutes=minutes)
    path.chmod(mode)
    result = project.crawl(f"personas={path}")
    assert result.returncode == 2
    assert expected in result.stderr
    assert "-secret" not in result.stderr
    assert site.seen == []


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [("WARM_BASIC_AUTH", "ann:pa:ss", "Basic YW5uOnBhOnNz"), ("WARM_BEARER", "abc.def", "Bearer abc.def")],
)
def test_staging_sites(project: Project, site: FakeSite, name: str, value: str, sent: str) -> None:
    result = project.crawl(**{name: value})
    assert result.returncode == 0
    assert {dict(lower(header_lines(head))).get("authorization") for head in site.seen} == {sent}
    assert "Authorization is sent, and may be part of page keys" in result.stderr
    assert value not in result.stderr


def test_writes_are_reported_by_route_and_table(project: Project, site: FakeSite) -> None:
    site.extra = {"writes": {"auth_user": 2, "log": 1}, "route": "shop:product"}
    project.write_urls("/page/1/", "/page/2/")
    assert project.crawl().returncode == 0
    assert project.report["writes"] == [
        {"route": "shop:product", "table": "auth_user", "count": 8},
        {"route": "shop:product", "table": "log", "count": 4},
    ]


def test_waits_for_the_right_release(project: Project, site: FakeSite) -> None:
    site.next_releases, site.release = ["old", "old"], "new"
    assert project.crawl("release=new").returncode == 0
    assert project.report["stored"] + project.report["already_warm"] == 1


def test_answers_of_another_release_do_not_count(project: Project, site: FakeSite) -> None:
    site.next_releases, site.release = ["new", "new", "new", "old", "new", "new", "old"], "new"
    project.write_urls(*(f"/page/{number}/" for number in range(10)))
    assert project.crawl("release=new", "concurrency=1").returncode == 3
    assert project.report["reasons"] == {"wrong-release": 2}
    assert_adds_up(project, 10)


def test_a_release_that_is_rolled_back(project: Project, site: FakeSite) -> None:
    site.next_releases, site.release = ["new"] * 6, "old"
    project.write_urls(*(f"/page/{number}/" for number in range(50)))
    result = project.crawl("release=new", "concurrency=1", "prove_within=0")
    assert result.returncode == 7, result.stderr
    assert "release 'old' answers again, not 'new'" in result.stderr
    assert project.report["stored"] == 3
