"""What a page loads later, and how a browser asks for it."""

from __future__ import annotations

import time

import pytest

from crawler.page import fragments

PAGE = "https://shop.example/en/p/7/?a=1"


def found(html: str, page: str = PAGE) -> list[tuple[str, str]]:
    return [(fragment.kind, fragment.url) for fragment in fragments(html, page)]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<div hx-get="/en/p/7/price/" hx-trigger="load"></div>', [("htmx", "/en/p/7/price/")]),
        ('<div hx-get="more/" hx-trigger="revealed once"></div>', [("htmx", "/en/p/7/more/")]),
        ('<div data-hx-get="/x/" data-hx-trigger="intersect threshold:0.5"></div>', [("htmx", "/x/")]),
        ('<div hx-get="/x/" hx-trigger="click, load delay:1s"></div>', [("htmx", "/x/")]),
        ('<button hx-get="/x/">More</button>', []),
        ('<button hx-get="/x/" hx-trigger="click">More</button>', []),
        ('<div hx-get="/x/" hx-trigger="reload-it from:body"></div>', []),
        ('<form hx-post="/x/" hx-trigger="load"></form>', []),
        ('<turbo-frame id="f" src="/basket/summary/"></turbo-frame>', [("turbo", "/basket/summary/")]),
        ('<turbo-frame id="f" loading="lazy" src="/x/"></turbo-frame>', [("turbo", "/x/")]),
        ('<turbo-frame id="f"></turbo-frame><turbo-frame src="/y/" disabled></turbo-frame>', []),
        ('<esi:include src="/esi/menu/"/>', [("esi", "/esi/menu/")]),
        ('<a href="/x/" up-defer>Loading</a>', [("unpoly", "/x/")]),
        ('<div id="news" up-poll up-source="/news/"></div>', [("unpoly", "/news/")]),
        ('<a href="/x/" up-target=".c">Click</a>', []),
        ('<iframe src="/map/" loading="lazy"></iframe>', [("iframe", "/map/")]),
        ('<iframe data-src="/map/"></iframe>', [("iframe", "/map/")]),
        ('<iframe srcdoc="<p>" src="/map/"></iframe>', []),
        ('<link rel="next" href="?page=2">', [("link", "/en/p/7/?page=2")]),
        ('<link rel="dns-prefetch prefetch" href="/y/">', [("link", "/y/")]),
        ('<link rel="prefetch" as="script" href="/app.js">', []),
        ('<link rel="stylesheet" href="/a.css"><a rel="next" href="/b/">next</a>', []),
        # elsewhere, nowhere, itself
        ('<iframe src="https://maps.example/x/"></iframe>', []),
        ('<iframe src="http://shop.example/x/"></iframe>', []),
        ('<iframe src="//evil.example/x/"></iframe>', []),
        ('<iframe src="https://shop.example.evil.example/x/"></iframe>', []),
        ('<iframe src="https://user:pass@shop.example/x/"></iframe>', []),
        ('<iframe src="javascript:alert(1)"></iframe><iframe src="data:text/html,x"></iframe>', []),
        ('<iframe src="about:blank"></iframe><iframe src=""></iframe>', []),
        ('<iframe src="http://[broken/"></iframe>', []),
        (f'<iframe src="{PAGE}#top"></iframe>', []),
        ('<iframe src="/x/#part"></iframe>', [("iframe", "/x/")]),
        ('<iframe src="/gr&uuml;n/?q=a b"></iframe>', [("iframe", "/gr%C3%BCn/?q=a%20b")]),
        ('<iframe src="/a%2Fb/?b=2&amp;a=1"></iframe>', [("iframe", "/a%2Fb/?b=2&a=1")]),
        (f'<iframe src="/{"x" * 3000}/"></iframe>', []),
        ('<base href="/de/"><iframe src="x/"></iframe>', [("iframe", "/de/x/")]),
        ('<base href="https://other.example/"><iframe src="x/"></iframe>', []),
        # each once, in the page's order
        (
            '<iframe src="/b/"></iframe><iframe src="/a/"></iframe><iframe src="/b/"></iframe>',
            [("iframe", "/b/"), ("iframe", "/a/")],
        ),
        ("<p>plain</p>", []),
        ("<iframe <<<< hx-get", []),
    ],
)
def test_what_is_found(html: str, expected: list[tuple[str, str]]) -> None:
    assert found(html) == expected


NAVIGATION = (
    ("User-Agent", "Chrome"),
    ("Accept", "text/html"),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-User", "?1"),
    ("Sec-Fetch-Dest", "document"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Accept-Encoding", "gzip, br"),
    ("Cookie", "sessionid=x"),
)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            '<div id="price" hx-get="/x/" hx-trigger="load"></div>',
            {
                "Accept": "*/*", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin",
                "HX-Request": "true", "HX-Current-URL": PAGE, "HX-Trigger": "price", "HX-Target": "price",
                "Referer": PAGE,
            },
        ),
        (
            '<div hx-get="/x/" hx-trigger="load" hx-target="#box"></div>',
            {
                "Accept": "*/*", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin",
                "HX-Request": "true", "HX-Current-URL": PAGE, "HX-Target": "box", "Referer": PAGE,
            },
        ),
        (
            '<turbo-frame id="f" src="/x/"></turbo-frame>',
            {
                "Accept": "text/html, application/xhtml+xml", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors",
                "Sec-Fetch-Site": "same-origin", "Turbo-Frame": "f", "Referer": PAGE,
            },
        ),
    ],
)  # fmt: skip
def test_scripts_ask_with_headers_of_their_own(html: str, expected: dict[str, str]) -> None:
    (fragment,) = fragments(html, PAGE)
    own = {"User-Agent": "Chrome", "Accept-Encoding": "gzip, br", "Cookie": "sessionid=x"}
    sent = fragment.headers_of(NAVIGATION)
    assert dict(sent) == own | expected
    assert len(sent) == len(dict(sent))


def test_the_cache_in_front_asks_as_the_visitor_does() -> None:
    (fragment,) = fragments('<esi:include src="/x/"/>', PAGE)
    assert fragment.headers_of(NAVIGATION) == NAVIGATION


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ü", "x" * 300])
def test_a_page_cannot_put_what_it_likes_into_headers(value: str) -> None:
    (fragment,) = fragments(f'<div id="{value}" name="{value}" hx-get="/x/" hx-trigger="load"></div>', PAGE)
    assert {name for name, _ in fragment.headers} & {"HX-Trigger", "HX-Target", "HX-Trigger-Name"} == set()


@pytest.mark.parametrize("piece", ["<iframe ", "<div hx-get=", "<div>", "rel ", '<iframe src="/x/">'])
def test_hostile_pages_take_no_time(piece: str) -> None:
    html = "<iframe>" + piece * (300_000 // len(piece))
    started_s = time.process_time()
    fragments(html, PAGE)
    assert time.process_time() - started_s < 10
