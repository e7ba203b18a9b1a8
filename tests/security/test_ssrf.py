"""Whatever a manifest, an answer, a sitemap or the environment names: nothing is sent but to the site itself.

Each is a real crawl; a trap listens on another address, and an audit hook writes down every connection of the process.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.crawler.fake_site import SECRET, FakeSite, _send, serving
from url_manifests.errors import FileFormatError
from url_manifests.manifest import ManifestReader
from url_manifests.traces import KeyKind, Trace

from .conftest import Trap, Watched


def assert_only_the_site(watched: Watched, site: FakeSite, trap: Trap) -> None:
    address, port = urlsplit(site.url).hostname, urlsplit(site.url).port
    assert trap.heard == []
    connected = {line for line in watched.seen if line.startswith(("socket.connect", "socket.send"))}
    assert connected == {f"socket.connect ('{address}', {port})"}
    looked_up = {line for line in watched.seen if line not in connected}
    assert looked_up <= {f"socket.getaddrinfo '{address}'", f"socket.getaddrinfo b'{address}'"}


ABSOLUTE = [
    "http://{trap}/x", "https://{trap}/x", "HTTP://{trap}/x", "//{trap}/x", "///{trap}/x", "/\\{trap}/x",
    "\\\\{trap}\\x", "@{trap}/x", ":80@{trap}/x", ".{trap}/x", "{trap}/x", " /x", "/x y", "\t//{trap}/x",
    "/\t/{trap}/x", "/\n/{trap}/x", "/x\r\nHost: {trap}", "/x HTTP/1.1\r\nHost: {trap}\r\n\r\n", "/x#@{trap}/",
    "/x\x00", "/\u2025/{trap}", "/\uff0f{trap}/x", "file:///etc/passwd", "javascript:alert(1)", "?//{trap}/", "", "ftp://{trap}/x",
    "unix:/run/x.sock", "/x\x7f", "/x\u00a0",
]  # fmt: skip
STAYS = [
    "/@{trap}/x", "/%0d%0aHost:%20{trap}", "/%5c{trap}/x", "/x?next=http://{trap}/", "/x?url=//{trap}",
    "/%2f%2f{trap}/x", "/.//{trap}/x", "/..//{trap}/x", "/x/../..//{trap}/x", "/:80@{trap}/x", "/%00/x", "/;@{trap}/x",
    "/a:b@{trap}/x", "/*", "/%E3%80%82{trap}", "/x?@{trap}/", "/http://{trap}/x", "/[::1]/x", "/%40{trap}/x",
]  # fmt: skip


@pytest.mark.parametrize("url", ABSOLUTE)
def test_what_is_no_path_is_no_entry(watched: Watched, url: str) -> None:
    watched.write_raw({"url": url.format(trap="127.0.0.2:80")})
    with pytest.raises(FileFormatError, match="'url'"):
        list(ManifestReader(watched.project.folder / "url_manifests/test.jsonl"))


def test_a_manifest_with_one_is_refused_before_anything_is_sent(watched: Watched, site: FakeSite, trap: Trap) -> None:
    watched.write_raw({"url": "/page/1/"}, {"url": f"@{trap.netloc}/x"})
    result = watched.crawl()
    assert result.returncode == 2, result.stderr
    assert site.seen == []
    assert trap.heard == []


def test_odd_paths_stay_with_the_site(watched: Watched, site: FakeSite, trap: Trap) -> None:
    urls = [url.format(trap=trap.netloc) for url in STAYS]
    watched.write_raw({"url": "/page/1/"}, *({"url": url} for url in urls), {"url": "/page/2/"})
    result = watched.crawl()
    assert "Traceback" not in result.stderr
    assert_only_the_site(watched, site, trap)
    assert "/page/2/" in site.paths
    hosts = {line.decode() for head in site.seen for line in head.split(b"\r\n") if line.lower().startswith(b"host:")}
    assert hosts == {f"Host: {urlsplit(site.url).netloc}"}
    assert all(head.count(b"\r\nHost:") == 1 and head.startswith(b"GET /") for head in site.seen)


def test_a_host_of_the_manifest_is_a_header_and_no_address(watched: Watched, site: FakeSite, trap: Trap) -> None:
    watched.write_raw(
        {"url": "/page/1/"}, {"url": "/page/2/", "host": trap.netloc}, {"url": "/page/3/", "host": "localhost"}
    )
    result = watched.crawl()
    assert result.returncode == 0, result.stderr
    assert_only_the_site(watched, site, trap)
    assert any(f"Host: {trap.netloc}\r\n".encode() in head for head in site.seen)


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a\r\nX: y",
        "u@h",
        "h/x",
        "h?x",
        "h#x",
        "http://h",
        "h:99999",
        "h:",
        "[::1",
        "É.example",
        "h\\x",
    ],
)
def test_a_malformed_host_is_refused(watched: Watched, host: str) -> None:
    watched.write_raw({"url": "/page/1/", "host": host})
    with pytest.raises(FileFormatError, match="'host'"):
        list(ManifestReader(watched.project.folder / "url_manifests/test.jsonl"))


@pytest.mark.parametrize(
    "profile",
    [
        {"User-Agent": "x\r\nHost: 127.0.0.2"},
        {"X\r\nHost": "127.0.0.2"},
        {"X-Cache-Warming-Ticket": "1.x"},
        {"Upgrade": "h2c"},
        {"Proxy-Authorization": "x"},
        {"Authorization": "x"},
        {"X-Forwarded-Host": "127.0.0.2"},
        {"x_forwarded_host": "127.0.0.2"},
        {"X-Original-URL": "//127.0.0.2/x"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"": "x"},
        {"User Agent": "x"},
        {"User-Agent:": "x"},
    ],
)
def test_headers_that_are_no_browsers_are_refused(watched: Watched, profile: dict[str, str]) -> None:
    watched.write_raw({"url": "/page/1/"}, profiles={"chrome": profile})
    with pytest.raises(FileFormatError, match="profiles"):
        list(ManifestReader(watched.project.folder / "url_manifests/test.jsonl"))


def test_headers_of_the_connection_are_ours(watched: Watched, site: FakeSite, trap: Trap) -> None:
    own = {
        "Host": trap.netloc,
        "Connection": "upgrade",
        "Transfer-Encoding": "chunked",
        "Content-Length": "9",
        "TE": "x",
    }
    watched.write_raw({"url": "/page/1/"}, profiles={"chrome": {**own, "User-Agent": "x"}})
    result = watched.crawl()
    assert result.returncode == 0, result.stderr
    assert_only_the_site(watched, site, trap)
    names = {line.partition(b":")[0].lower() for line in site.seen[-1].split(b"\r\n")[1:-2]}
    assert names == {b"host", b"user-agent", b"x-cache-warming-ticket"}
    assert trap.netloc.encode() not in b"".join(site.seen)


class Misleading(FakeSite):
    """Points elsewhere, in every way that an answer can."""

    trap = ""

    def respond(self, target: str, times: int, headers: dict[str, str]) -> tuple[int, list[str], Trace]:
        status = int(target.split("/")[2]) if target.startswith("/redirect/") else 200
        return (
            status,
            [
                f"Location: http://{self.trap}/x",
                f"Refresh: 0; url=http://{self.trap}/x",
                f"Link: <http://{self.trap}/x>; rel=preload, <http://{self.trap}>; rel=preconnect",
                f'Alt-Svc: h2="{self.trap}"; ma=60, h3="{self.trap}"',
                f"Content-Location: http://{self.trap}/x",
                f'Reporting-Endpoints: default="http://{self.trap}/x"',
                'NEL: {"report_to": "default", "max_age": 60}',
                "Set-Cookie: a=b; Domain=127.0.0.2",
            ],
            self._page(target),
        )

    def _page(self, target: str) -> Trace:
        return Trace(keys=self._touch(KeyKind.PAGE, f"page:{target}"))


def test_no_answer_leads_elsewhere(watched: Watched, trap: Trap) -> None:
    misleading = Misleading()
    misleading.trap = trap.netloc
    with serving(misleading) as site:
        watched.project.write_env(
            base_url=site.url, secret=SECRET, ready_url="/healthz", rate=0, ready_timeout=5, timeout=3
        )
        watched.write_raw(
            {"url": "/page/1/"}, *({"url": f"/redirect/{status}/"} for status in (301, 302, 303, 307, 308))
        )
        result = watched.crawl("verify=all", require_coverage="0")
        assert "Traceback" not in result.stderr
        assert_only_the_site(watched, site, trap)
        assert not any(b"Cookie" in head for head in site.seen)


def test_the_health_check_leads_nowhere_else(watched: Watched, trap: Trap) -> None:
    class Moved(Misleading):
        async def _health(self, writer: Any) -> bool:
            await _send(writer, 302, [f"Location: http://{self.trap}/healthz"])
            return True

        def respond(self, target: str, times: int, headers: dict[str, str]) -> tuple[int, list[str], Trace]:
            return (
                (302, [f"Location: http://{self.trap}/"], Trace())
                if target == "/"
                else super().respond(target, times, headers)
            )

    moved = Moved()
    moved.trap = trap.netloc
    with serving(moved) as site:
        for ready_url in ("/healthz", ""):
            watched.project.write_env(base_url=site.url, secret=SECRET, ready_url=ready_url, rate=0, ready_timeout=1)
            result = watched.crawl()
            assert result.returncode == 7, result.stderr
            assert_only_the_site(watched, site, trap)


def test_neither_a_proxy_of_the_environment_nor_a_netrc_is_used(watched: Watched, site: FakeSite, trap: Trap) -> None:
    proxy = f"http://{trap.netloc}"
    (watched.project.folder / ".netrc").write_text("default login me password secret\n")
    result = watched.crawl(
        http_proxy=proxy, HTTP_PROXY=proxy, https_proxy=proxy, all_proxy=proxy, HOME=str(watched.project.folder)
    )
    assert result.returncode == 0, result.stderr
    assert_only_the_site(watched, site, trap)
    assert not any(b"uthorization" in head for head in site.seen)


def test_the_public_name_is_not_looked_up(watched: Watched, site: FakeSite, trap: Trap) -> None:
    """What visitors' DNS says of it may have changed, or be somebody else's by now."""
    watched.project.write_env(
        base_url=site.url, public_url=f"http://{trap.netloc}", secret=SECRET, ready_url="/healthz", rate=0, timeout=3
    )
    watched.write_raw({"url": "/page/1/"})
    result = watched.crawl()
    assert result.returncode == 0, result.stderr
    assert_only_the_site(watched, site, trap)


SITEMAP = """<?xml version="1.0"?>{doctype}
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>"""
INDEX = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>http://{trap}/other.xml</loc></sitemap></sitemapindex>"""


@pytest.mark.parametrize("kind", ["urls", "entity", "dtd", "index"])
def test_a_sitemap_fetches_nothing_and_leads_nowhere(watched: Watched, site: FakeSite, trap: Trap, kind: str) -> None:
    folder = watched.project.folder
    own = [f"{site.url}/page/1/", "/page/2/"]
    others = [f"http://{trap.netloc}/x", f"//{trap.netloc}/y", f"{site.url}@{trap.netloc}/z", "file:///etc/passwd"]
    urls = "".join(f"<url><loc>{url}</loc></url>" for url in (*own, *others))
    doctype = {
        "entity": f'<!DOCTYPE u [<!ENTITY x SYSTEM "http://{trap.netloc}/x">]>',
        "dtd": f'<!DOCTYPE u SYSTEM "http://{trap.netloc}/x.dtd">',
    }.get(kind, "")
    text = INDEX.format(trap=trap.netloc) if kind == "index" else SITEMAP.format(doctype=doctype, urls=urls)
    (folder / "sitemap.xml").write_text(text.replace("/page/2/", "&x;" if kind == "entity" else "/page/2/"))
    (folder / "url_manifests").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "url_manifests", "build", "sitemap.xml", "-o", "url_manifests/test.jsonl"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert trap.heard == []
    assert "Traceback" not in built.stderr
    if kind in ("entity", "index"):
        assert built.returncode == 2, built.stderr
    else:
        assert built.returncode == 0, built.stderr
        watched.crawl()
        assert_only_the_site(watched, site, trap)


LOADING = """<html><head><base href="http://{trap}/b/"><link rel=next href="http://{trap}/n">
<link rel=prefetch href="//{trap}/p"></head><body><div hx-get="http://{trap}/h" hx-trigger="load"></div>
<div hx-get="/page/own/" hx-trigger="load"></div><turbo-frame id=a src="//{trap}/t"></turbo-frame>
<esi:include src="http://{trap}/e"/><iframe src="http://{trap}/i"></iframe><a up-defer href="\\\\{trap}\\u">x</a>
<iframe src="{site}@{trap}/j"></iframe><iframe src="{site}//{trap}/k"></iframe><iframe src="http:{trap}/l"></iframe>
<img src="http://{trap}/m"><script src="http://{trap}/s"></script></body></html>"""


def test_what_pages_load_later_is_asked_of_the_site_alone(watched: Watched, site: FakeSite, trap: Trap) -> None:
    for number, text in enumerate(
        [LOADING, LOADING.replace("<base", "<x"), LOADING.replace('"http://{trap}/b/"', "'/'")]
    ):
        page = text.replace("{trap}", trap.netloc).replace("{site}", site.url)
        site.bodies[f"/page/{number}/"] = ("", page.encode())
    watched.write_raw(*({"url": f"/page/{number}/"} for number in range(3)))
    result = watched.crawl("discover=fragments")
    assert "Traceback" not in result.stderr
    assert_only_the_site(watched, site, trap)
    assert "/page/own/" in site.paths
    assert f"//{trap.netloc}/k" in site.paths  # a path of the site's own, whatever it looks like
