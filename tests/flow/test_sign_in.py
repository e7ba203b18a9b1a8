"""Signing in through the example's own form: csrf, passwords, roles and who is refused, as in a real deployment."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

import pytest

from demo.deployment import PUBLIC_HOST, manage
from example.accounts.people import PASSWORD
from tests.conftest import Site
from tests.django_hooks.test_personas_real_site import FRESH_SESSIONS, Browser, fragments, products
from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.personas import parse_personas
from url_manifests.profiles import PROFILES
from url_manifests.traces import KeyEvent

from .conftest import Pipeline

StartSite = Callable[..., Site]


def aim(pipeline: Pipeline, site: Site, urls: list[str], accounts: dict[str, tuple[str, str]]) -> None:
    header = Header(entries=len(urls), profiles={"chrome": PROFILES["chrome"]})
    write_manifest(pipeline.folder / "manifest.jsonl", header, [Entry(url=u, hits=10, signed_in=0.5) for u in urls])
    pipeline.aim_at(
        site,
        public_url=f"https://{PUBLIC_HOST}",
        sign_in_url="/en/account/login/",
        sign_in_as=json.dumps(accounts),
    )


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_what_its_sessions_warm_are_hits_for_others(start_site: StartSite, pipeline: Pipeline, server: str) -> None:
    site = start_site(server=server)
    with closing(Browser(site)) as browser:
        paths = products(browser)[:10]
    accounts = {"trade": ("persona-trade", PASSWORD), "analyst": ("staff-analyst", PASSWORD)}
    aim(pipeline, site, paths, accounts)
    crawled = pipeline.crawl()
    assert crawled.returncode == 0, crawled.stderr
    report = pipeline.report()
    assert (report["planned"], report["failed"], report["personas"]) == (30, 0, ["trade", "analyst"])
    shown = manage("shell", "-c", FRESH_SESSIONS, env=site.env).stdout.splitlines()[-1]
    others = parse_personas(shown.encode(), "shell")
    with closing(Browser(site)) as browser:  # a new connection: the server has closed the idle one
        for path in paths:
            _, text, trace = browser.get(path, cookie=others.cookie_header("trade"))
            assert 'data-group="trade"' in text
            assert set(fragments(trace).values()) == {KeyEvent.HIT}, path
    checked = pipeline.cross_check(site)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("role", "username", "password", "expected"),
    [
        ("trade", "persona-trade", "not the password", "are name and password right?"),
        ("admin", "admin", PASSWORD, "(superuser): name an ordinary one"),
        ("moderator", "staff-moderator", PASSWORD, "(staff): name an ordinary one"),
        ("retail", "persona-trade", PASSWORD, "is that of 'trade'"),
    ],
)
def test_who_is_refused(
    start_site: StartSite, pipeline: Pipeline, role: str, username: str, password: str, expected: str
) -> None:
    site = start_site(workers=1)
    aim(pipeline, site, ["/en/"], {role: (username, password)})
    crawled = pipeline.crawl(progress="none")
    assert crawled.returncode == 2, crawled.stderr
    (line,) = crawled.stderr.splitlines()
    assert expected in line
    assert password not in line
    assert pipeline.report()["skipped"] == 2


def test_a_leak_of_such_a_session_is_found_too(start_site: StartSite, pipeline: Pipeline) -> None:
    site = start_site(EXAMPLE_BREAK="leak")
    aim(pipeline, site, ["/en/offers/"], {"trade": ("persona-trade", PASSWORD)})
    header = Header(entries=1, profiles={"chrome": PROFILES["chrome"]})
    write_manifest(pipeline.folder / "manifest.jsonl", header, [Entry(url="/en/offers/", hits=10, signed_in=1.0)])
    crawled = pipeline.crawl()
    assert crawled.returncode == 4, crawled.stderr
    assert "default:greeting of trade" in crawled.stderr
