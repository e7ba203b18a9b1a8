"""What Chromium sends and what the crawler sends for it, compared on the wire."""

from __future__ import annotations

import subprocess
from pathlib import Path

from url_manifests.manifest import Entry, Header, write_manifest
from url_manifests.profiles import PROFILES
from url_manifests.protocol import TICKET_HEADER

from .conftest import Project
from .fake_site import FakeSite
from .test_wire import header_lines

CHROMIUM_OPTIONS = ["--no-sandbox", "--headless", "--disable-background-networking", "--disable-gpu", "--dump-dom"]


def heads_of(site: FakeSite, path: str) -> list[list[tuple[str, str]]]:
    start = f"GET {path} ".encode()
    return [header_lines(head) for head in site.seen if head.startswith(start)]


def folded(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in lines if name.lower() not in ("connection", TICKET_HEADER.lower())]


def visit(chromium: str, url: str, profile_folder: Path) -> None:
    command = [chromium, *CHROMIUM_OPTIONS, f"--user-data-dir={profile_folder}", "--lang=en-US", url]
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_byte_for_byte_what_chromium_sends(project: Project, site: FakeSite, chromium: str, tmp_path: Path) -> None:
    url = "/page/a%2Fb/?b=2&a=%C3%BC&empty="
    visit(chromium, site.url + url, tmp_path / "chromium")
    (browser,) = heads_of(site, url)
    profile = {name: value for name, value in browser if name.lower() not in ("host", "connection")}
    header = Header(entries=1, profiles={"chromium": profile})
    write_manifest(project.folder / "url_manifests" / "test.jsonl", header, [Entry(url=url, hits=1)])
    site.forget()
    assert project.crawl().returncode == 0
    first, second = heads_of(site, url)
    assert folded(first) == folded(second) == folded(browser)


def test_the_chrome_profile_has_what_chromium_has(site: FakeSite, chromium: str, tmp_path: Path) -> None:
    visit(chromium, site.url + "/page/1/", tmp_path / "chromium")
    (browser,) = heads_of(site, "/page/1/")
    sent = {name.lower(): value for name, value in browser if name.lower() not in ("host", "connection")}
    expected = {name.lower(): value for name, value in PROFILES["chrome"].items()}
    assert sent.keys() == expected.keys()
    # The rest names the release, the platform, and the image formats that this release knows.
    own = {"accept", "user-agent", "sec-ch-ua", "sec-ch-ua-platform", "accept-language"}
    assert {name: value for name, value in sent.items() if name not in own} == {
        name: value for name, value in expected.items() if name not in own
    }
