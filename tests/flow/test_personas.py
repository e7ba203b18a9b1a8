"""Personas end to end: minted in the deployment, crawled with, proven for others of their group, revoked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from demo.deployment import PUBLIC_HOST, manage
from tests.browsers import ask
from tests.conftest import Site
from tests.django_hooks.test_personas_real_site import FRESH_SESSIONS, PAGES, Browser, fragments, products
from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.personas import parse_personas, read_personas
from url_manifests.profiles import PROFILES
from url_manifests.traces import KeyEvent

from .conftest import Pipeline

GROUPS = ("trade", "wholesale")
StartSite = Callable[..., Site]


@pytest.fixture
def sessions(tmp_path: Path) -> Callable[[Site], Path]:
    """Mint sessions of two personas; the file's name."""

    def mint(site: Site) -> Path:
        path = tmp_path / "personas.json"
        manage("warm_personas", "-o", str(path), env=site.env)
        document = json.loads(path.read_text())
        document["personas"] = {role: document["personas"][role] for role in GROUPS}
        path.write_text(json.dumps(document))
        return path

    return mint


def aim(pipeline: Pipeline, site: Site, personas: Path, urls: Sequence[str]) -> None:
    """A manifest in which half of each page's visitors are signed in, as visitors over https have it."""
    header = Header(entries=len(urls), profiles={"chrome": PROFILES["chrome"]})
    write_manifest(pipeline.folder / "manifest.jsonl", header, [Entry(url=u, hits=10, signed_in=0.5) for u in urls])
    pipeline.aim_at(site, public_url=f"https://{PUBLIC_HOST}", personas=str(personas))


def test_fragments_of_both_groups_are_hits_for_other_users(
    start_site: StartSite, pipeline: Pipeline, sessions: Callable[[Site], Path]
) -> None:
    site = start_site(EXAMPLE_BREAK="writes")
    with closing(Browser(site)) as browser:
        paths = products(browser)
        assert len(paths) == PAGES
        aim(pipeline, site, sessions(site), paths)
        crawled = pipeline.crawl()
        assert crawled.returncode == 0, crawled.stderr
        report = pipeline.report()
        assert (report["planned"], report["failed"], report["personas"]) == (3 * PAGES, 0, list(GROUPS))
        ((written,), lines) = report["writes"], pipeline.outcome_lines()
        assert (written["table"], "product_slug" in written["route"]) == ("catalogue_product", True)
        # The second persona asked as "somebody else" whether it gets what the first had stored, and so stored its own.
        results = {(line.get("persona"), line["result"]) for line in lines if line.get("persona")}
        assert results == {("trade", "stored"), ("wholesale", "already_warm")}

        shown = manage("shell", "-c", FRESH_SESSIONS, env=site.env).stdout.splitlines()[-1]
        others = parse_personas(shown.encode(), "shell")
        for group in GROUPS:
            for path in paths:
                _, text, trace = browser.get(path, cookie=others.cookie_header(group))
                assert f'data-group="{group}"' in text
                assert set(fragments(trace).values()) == {KeyEvent.HIT}, (group, path)

        checked = pipeline.cross_check(site)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        persona = read_personas(pipeline.folder.parent / "personas.json").cookie_header("trade")
        assert "Hello, persona-trade" in browser.get(paths[0], cookie=persona, is_warm=False)[1]
        assert manage("warm_personas", "revoke", env=site.env).stdout == "4 sessions ended\n"
        assert "Hello" not in browser.get(paths[0], cookie=persona, is_warm=False)[1]


def test_a_leak_and_a_refused_write_in_a_real_crawl(
    start_site: StartSite, pipeline: Pipeline, sessions: Callable[[Site], Path]
) -> None:
    site = start_site(EXAMPLE_BREAK="leak,writes", EXAMPLE_WRITES="refuse")
    personas = sessions(site)
    with closing(Browser(site)) as browser:
        product = products(browser)[0]
        aim(pipeline, site, personas, [product])
        assert pipeline.crawl().returncode == 3
        assert [(line["result"], line["reason"], line["detail"]) for line in pipeline.outcome_lines()] == [
            ("failed", "write-refused", "catalogue_product")
        ] * 3
        (refused,) = pipeline.report()["writes"]
        assert (refused["table"], refused["refused"], refused["count"]) == ("catalogue_product", True, 3)

        # Signed-in visitors only: the anonymous one would come first, and be greeted for all.
        write_manifest(
            pipeline.folder / "manifest.jsonl",
            Header(entries=1, profiles={"chrome": PROFILES["chrome"]}),
            [Entry(url="/en/offers/", hits=10, signed_in=1.0)],
        )
        crawled = pipeline.crawl()
        assert crawled.returncode == 4, crawled.stderr
        assert "/en/offers/ serves to others what it stored for a signed-in visitor" in crawled.stderr
        assert "default:greeting of trade" in crawled.stderr
        assert pipeline.report()["reasons"]["leak"] == 1
        answer = ask(site.deployment.port, PUBLIC_HOST, "/en/offers/", PROFILES["firefox"])
        assert answer.status == 200
        assert "persona" not in browser.get("/en/offers/", is_warm=False)[1]
