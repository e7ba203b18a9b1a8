"""What a page loads later, found in its HTML with BeautifulSoup. Pure.

Only what a browser, or the cache in front of the site, asks for by itself with GET and without being clicked: htmx on
``load``, ``revealed`` or ``intersect``, Turbo frames, edge side includes, Unpoly's deferred parts, frames, and the page
that ``<link>`` says comes next. Each is asked for as it would be: a view that varies on ``HX-Request`` has another key
for htmx than for a visitor.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from bs4.filter import SoupStrainer

Headers = tuple[tuple[str, str], ...]

MAX_URL_CHARS: Final = 2000

# Most pages have none of these: then they are not parsed at all.
_MARKS: Final = ("hx-get", "<turbo-frame", "<esi:include", "up-defer", "up-source", "<iframe")
_LINK: Final = re.compile(r"<link\b[^>]{0,300}\b(?:next|prefetch)\b")
_TAGS: Final = frozenset({"turbo-frame", "esi:include", "iframe", "link", "base"})
_ATTRIBUTES: Final = frozenset({"hx-get", "data-hx-get", "up-defer", "up-poll"})
_BY_ITSELF: Final = re.compile(r"(?:^|,)\s*(?:load|revealed|intersect)\b", re.IGNORECASE)
_FROM_SCRIPT: Final = (("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Site", "same-origin"))
_ONLY_NAVIGATION: Final = frozenset({"sec-fetch-user", "upgrade-insecure-requests"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One thing that a page loads later."""

    url: str
    """Path and query, of the page's own origin."""
    kind: str
    """``htmx``, ``turbo``, ``esi``, ``unpoly``, ``iframe`` or ``link``."""
    headers: Headers = ()
    """Those that differ from the page's own."""
    drops: frozenset[str] = frozenset()
    """Names, in lower case, of headers of the page's that are not sent."""

    def headers_of(self, page: Headers) -> Headers:
        """The headers that the fragment is asked for with."""
        own = {name.lower() for name, _ in self.headers} | self.drops
        return (*(header for header in page if header[0].lower() not in own), *self.headers)


def fragments(html: str, absolute_uri: str) -> list[Fragment]:
    """What a page loads later from its own origin, in its order, each once.

    Args:
        absolute_uri: the page's, as visitors have it.
    """
    lowered = html.lower()
    if not any(mark in lowered for mark in _MARKS) and not ("<link" in lowered and _LINK.search(lowered)):
        return []
    # Only these tags are made objects of, which takes a tenth of the time of a whole tree.
    soup = BeautifulSoup(html, "lxml", parse_only=_Loading())
    base = _base(soup, absolute_uri)
    found: dict[str, Fragment] = {}
    for tag in (node for node in soup.descendants if isinstance(node, Tag)):
        for make in _MAKERS:
            if (made := make(tag, absolute_uri)) and (url := _own_url(made.url, base, absolute_uri)):
                headers, drops = made.headers, made.drops
                found.setdefault(url, Fragment(url=url, kind=made.kind, headers=headers, drops=drops))
    return list(found.values())


class _Loading(SoupStrainer):
    """Lets through the tags that may load something, with what is in them."""

    def allow_tag_creation(self, nsprefix: str | None, name: str, attrs: Any) -> bool:
        return name in _TAGS or (nsprefix == "esi" and name == "include") or not _ATTRIBUTES.isdisjoint(attrs or ())

    def allow_string_creation(self, string: str) -> bool:  # noqa: ARG002 - as above
        return False


def _base(soup: BeautifulSoup, absolute_uri: str) -> str:
    """What the page's links are relative to."""
    tag = soup.find("base", href=True)
    try:
        return urljoin(absolute_uri, str(tag["href"])) if isinstance(tag, Tag) else absolute_uri
    except ValueError:
        return absolute_uri  # Browsers pass over what is no URL, too.


def _own_url(url: str, base: str, absolute_uri: str) -> str:
    """Path and query when the URL is of the page's own origin, and another than the page itself."""
    try:
        joined = urlsplit(urljoin(base, url.strip()))
    except ValueError:
        return ""
    page = urlsplit(absolute_uri)
    if (joined.scheme, joined.netloc) != (page.scheme, page.netloc):
        return ""
    own = quote(joined.path or "/", safe="/%:@!$&'()*+,;=~") + (f"?{_quoted(joined.query)}" if joined.query else "")
    return own if len(own) <= MAX_URL_CHARS and own != page.path + (f"?{page.query}" if page.query else "") else ""


def _quoted(query: str) -> str:
    return quote(query, safe="/%:@!$&'()*+,;=~?[]")


def _text(tag: Tag, *names: str) -> str:
    """The first of these attributes that the tag has."""
    return next((str(tag[name]) for name in names if tag.get(name)), "")


def _htmx(tag: Tag, absolute_uri: str) -> Fragment | None:
    url, trigger = _text(tag, "hx-get", "data-hx-get"), _text(tag, "hx-trigger", "data-hx-trigger")
    if not url or not _BY_ITSELF.search(trigger):
        return None
    target, own_id = _text(tag, "hx-target", "data-hx-target"), _text(tag, "id")
    target_id = own_id if target in ("", "this") else target.removeprefix("#") if target.startswith("#") else ""
    named = (("HX-Trigger", own_id), ("HX-Trigger-Name", _text(tag, "name")), ("HX-Target", target_id))
    headers = (
        ("Accept", "*/*"),
        *_FROM_SCRIPT,
        ("HX-Request", "true"),
        ("HX-Current-URL", absolute_uri),
        *((name, value) for name, value in named if _is_sendable(value)),
        ("Referer", absolute_uri),
    )
    return Fragment(url=url, kind="htmx", headers=headers, drops=_ONLY_NAVIGATION)


def _turbo(tag: Tag, absolute_uri: str) -> Fragment | None:
    if tag.name != "turbo-frame" or not (url := _text(tag, "src")) or "disabled" in tag.attrs:
        return None
    frame = _text(tag, "id")
    headers = (
        ("Accept", "text/html, application/xhtml+xml"),
        *_FROM_SCRIPT,
        *((("Turbo-Frame", frame),) if _is_sendable(frame) else ()),
        ("Referer", absolute_uri),
    )
    return Fragment(url=url, kind="turbo", headers=headers, drops=_ONLY_NAVIGATION)


def _esi(tag: Tag, _absolute_uri: str) -> Fragment | None:
    # The cache in front asks with the visitor's own headers.
    return Fragment(url=_text(tag, "src"), kind="esi") if tag.name == "esi:include" and tag.get("src") else None


def _unpoly(tag: Tag, absolute_uri: str) -> Fragment | None:
    if "up-defer" not in tag.attrs and not _text(tag, "up-source"):
        return None
    if not (url := _text(tag, "href", "up-href", "up-source")):
        return None
    target = _text(tag, "up-target") or (f"#{tag['id']}" if tag.get("id") else "")
    headers = (
        ("Accept", "text/html"),
        *_FROM_SCRIPT,
        *((("X-Up-Target", target),) if _is_sendable(target) else ()),
        ("Referer", absolute_uri),
    )
    return Fragment(url=url, kind="unpoly", headers=headers, drops=_ONLY_NAVIGATION)


def _iframe(tag: Tag, absolute_uri: str) -> Fragment | None:
    if tag.name != "iframe" or not (url := _text(tag, "src", "data-src")) or "srcdoc" in tag.attrs:
        return None
    headers = (("Sec-Fetch-Dest", "iframe"), ("Sec-Fetch-Site", "same-origin"), ("Referer", absolute_uri))
    return Fragment(url=url, kind="iframe", headers=headers, drops=frozenset({"sec-fetch-user"}))


def _link(tag: Tag, absolute_uri: str) -> Fragment | None:
    relations = {str(name).lower() for name in tag.get_attribute_list("rel") if name}
    if tag.name != "link" or not relations & {"next", "prefetch"} or not tag.get("href"):
        return None
    if (_text(tag, "as") or "document") != "document":
        return None  # a script, a style sheet, an image
    return Fragment(url=_text(tag, "href"), kind="link", headers=(("Referer", absolute_uri),))


def _is_sendable(value: str) -> bool:
    return 0 < len(value) <= 200 and value.isascii() and value.isprintable()


_MAKERS: Final[tuple[Callable[[Tag, str], Fragment | None], ...]] = (_htmx, _turbo, _esi, _unpoly, _iframe, _link)
