"""Waiting for a release, and comparing what the site sees with what visitors have."""

from __future__ import annotations

import asyncio

import pytest
from scrapy import Request
from scrapy.exceptions import DownloadConnectionRefusedError
from scrapy.http import Response

from crawler.answer import Answer
from crawler.env import WarmConfig, load_config
from crawler.readiness import check_site, refused, wait_until_ready
from crawler.target import Target
from url_manifests.errors import ConfigurationError, TargetNotReadyError
from url_manifests.traces import SiteView

SECRET = "a-secret-for-tests-0123456789abcdef"


def configure(tmp_path, **arguments: str) -> tuple[WarmConfig, Target]:
    base = {"env": "t", "base_url": "http://10.0.0.1:8000", "public_url": "https://shop.example"}
    config = load_config(base | arguments, {}, tmp_path)
    return config, Target.from_config(config)


class Site:
    """Gives its answers one after another, the last one for ever; time passes only while somebody sleeps."""

    def __init__(self, *answers: Response | Exception | int) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.now_s = 0.0

    async def download(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Response(request.url, status=answer) if isinstance(answer, int) else answer

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def wait(self, config: WarmConfig, target: Target) -> None:
        asyncio.run(wait_until_ready(self.download, config, target, clock=lambda: self.now_s, sleep=self.sleep))


def test_waits_until_200(tmp_path) -> None:
    site = Site(DownloadConnectionRefusedError(), 502, 302, 200)
    site.wait(*configure(tmp_path))
    assert len(site.requests) == 4
    assert site.now_s == 1.5


@pytest.mark.parametrize(
    ("ready_url", "url", "host"),
    [
        ("/healthz", "http://10.0.0.1:8000/healthz", b"shop.example"),
        ("https://shop.example/up?x=1", "http://10.0.0.1:8000/up?x=1", b"shop.example"),
        ("http://10.0.0.1:8000/up", "http://10.0.0.1:8000/up", b"shop.example"),
        ("https://shop.example.evil/up", "https://shop.example.evil/up", b"shop.example.evil"),
        ("http://10.0.0.1:9000/up", "http://10.0.0.1:9000/up", b"10.0.0.1:9000"),
    ],
)
def test_where_it_asks(tmp_path, ready_url: str, url: str, host: bytes) -> None:
    site = Site(200)
    site.wait(*configure(tmp_path, ready_url=ready_url))
    request = site.requests[0]
    assert (request.url, request.headers["Host"]) == (url, host)
    assert request.headers.get("X-Forwarded-Proto") == (b"https" if host == b"shop.example" else None)


def redirect(location: str) -> Response:
    return Response("http://x/", status=302, headers={"Location": location})


@pytest.mark.parametrize(("location", "path"), [("/en/", "/en/"), ("https://shop.example/de/?x", "/de/")])
def test_follows_the_front_page_within_the_site(tmp_path, location: str, path: str) -> None:
    site = Site(redirect(location), 500, redirect(location), 200)
    site.wait(*configure(tmp_path))
    assert [request.url for request in site.requests] == ["http://10.0.0.1:8000/", f"http://10.0.0.1:8000{path}"] * 2


@pytest.mark.parametrize(
    ("location", "ready_url"),
    [
        ("/en/", "/"),  # what was given must answer itself
        ("https://elsewhere.example/", ""),
        ("//elsewhere.example/", ""),
        ("https://shop.example.evil/", ""),
        ("http://shop.example/", ""),  # visitors use another scheme
        ("/accounts/login/?next=/", ""),
    ],
)
def test_does_not_follow(tmp_path, location: str, ready_url: str) -> None:
    site = Site(redirect(location))
    with pytest.raises(TargetNotReadyError, match="it redirects to"):
        site.wait(*configure(tmp_path, ready_url=ready_url, ready_timeout="1"))
    assert {request.url for request in site.requests} == {"http://10.0.0.1:8000/"}


def test_a_front_page_that_redirects_in_a_circle(tmp_path) -> None:
    site = Site(redirect("/"))
    with pytest.raises(TargetNotReadyError, match="it redirects to /"):
        site.wait(*configure(tmp_path, ready_timeout="0.6"))
    assert len(site.requests) == 8


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (DownloadConnectionRefusedError(), "connection refused; is WARM_BASE_URL right"),
        (503, "it answers 503"),
        (400, "is 'shop.example' in ALLOWED_HOSTS"),
        (404, "it answers 404; is WARM_READY_URL right"),
        (Response("http://x/", status=302, headers={"Location": "/en/?next=/"}), "it redirects to /en/; set"),
        (Response("http://x/", status=302, headers={"Location": "https://sso.example/oauth2/auth"}), "a login page"),
    ],
)
def test_says_what_it_saw_last(tmp_path, answer: Response | Exception | int, expected: str) -> None:
    site = Site(answer)
    with pytest.raises(TargetNotReadyError, match="was not ready within 3 s") as caught:
        site.wait(*configure(tmp_path, ready_timeout="3"))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert site.now_s <= 3


def test_a_bug_is_not_taken_for_an_unready_site(tmp_path) -> None:
    with pytest.raises(KeyError):
        Site(KeyError("bug")).wait(*configure(tmp_path))


def view(absolute_uri: str, release: str = "") -> SiteView:
    return SiteView(
        absolute_uri=absolute_uri, language="en", time_zone="UTC", django="6.1", release=release, worker="", aliases={}
    )


@pytest.mark.parametrize(
    ("seen", "setting"),
    [
        ("http://shop.example/a/?q=1", "SECURE_PROXY_SSL_HEADER"),
        ("https://10.0.0.1:8000/a/?q=1", "USE_X_FORWARDED_HOST"),
        ("https://shop.example:8000/a/?q=1", "USE_X_FORWARDED_HOST"),
        ("https://shop.example/prefix/a/?q=1", "FORCE_SCRIPT_NAME"),
    ],
)
def test_what_differs_names_the_setting(tmp_path, seen: str, setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        check_site(view(seen), "https://shop.example/a/?q=1", *configure(tmp_path))


@pytest.mark.parametrize("seen", ["https://shop.example/a%7E/", "https://SHOP.example:443/a~/"])
def test_spellings_of_the_same(tmp_path, seen: str) -> None:
    check_site(view(seen), "https://shop.example/a~/", *configure(tmp_path))


def test_release(tmp_path) -> None:
    config, target = configure(tmp_path, release="v2")
    check_site(view("https://shop.example/", "v2"), "https://shop.example/", config, target)
    with pytest.raises(TargetNotReadyError, match=r"release 'v1' answers .* not 'v2'"):
        check_site(view("https://shop.example/", "v1"), "https://shop.example/", config, target)


def test_refused_says_more_when_it_can(tmp_path) -> None:
    _, target = configure(tmp_path)
    assert "ALLOWED_HOSTS" in str(refused(Answer(status=400), target))
    assert "SECURE_PROXY_SSL_HEADER" in str(refused(Answer(status=301, location="https://shop.example/"), target))


def test_a_site_that_takes_us_for_plain_http_is_told_apart(tmp_path) -> None:
    """SECURE_SSL_REDIRECT sends the very page that was asked for, under https; without end."""
    config, target = configure(tmp_path, proxy_scheme_header="none", ready_url="/healthz/", ready_timeout="1")
    site = Site(Response("http://x/", status=301, headers={"Location": "https://shop.example/healthz/"}))
    with pytest.raises(TargetNotReadyError, match="SECURE_PROXY_SSL_HEADER of the site fit WARM_PROXY_SCHEME_HEADER"):
        site.wait(config, target)


def test_a_page_that_is_not_found_under_this_prefix(tmp_path) -> None:
    _, target = configure(tmp_path)
    assert "FORCE_SCRIPT_NAME" in str(refused(Answer(status=404), target))
