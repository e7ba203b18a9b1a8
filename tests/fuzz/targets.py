"""What reads things that others wrote, each with inputs that are nearly right: they reach further than noise does.

A target takes one input and returns; it raises nothing but what its function promises, which is caught here.
"""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
from django.test import RequestFactory, override_settings
from hypothesis import strategies as st

from crawler import extras
from crawler.answer import Answer, is_login_path
from crawler.body import is_html, text_of
from crawler.env import load_config
from crawler.overload import parse_retry_after
from crawler.page import fragments
from crawler.readiness import check_site
from crawler.softly_failed import soft_failure
from crawler.target import Target
from django_hooks.addresses import client_address
from tests.url_manifests.lines import CUSTOM, LINES
from url_manifests import safety, traces
from url_manifests.errors import CacheWarmingError, FileFormatError
from url_manifests.logs.clock import Clock
from url_manifests.logs.detect import FORMAT_NAMES, LineReader, detect, forced_spec
from url_manifests.manifest import ManifestReader
from url_manifests.outcomes import OutcomeReader
from url_manifests.personas import parse_personas
from url_manifests.protocol import Ticket, TicketRefusedError, check_ticket, refusal_in, sign_ticket
from url_manifests.rules import read_rules
from url_manifests.sitemap import is_sitemap, sitemap_blocks
from url_manifests.sources import Source
from url_manifests.traces import KeyKind, Trace


@dataclass(frozen=True)
class Fed:
    """One thing to feed."""

    inputs: st.SearchStrategy[Any]
    feed: Callable[[Any], None]


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from([0, -1, 2**63, 10**400, 1e308, "", "/", "//", "a" * 5000, "\x00", "\ud800", "é", "2026-11-22"])
)  # fmt: skip
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12)  # fmt: skip


@st.composite
def altered(draw: st.DrawFn, document: Any) -> Any:
    """A document with some of its values, at any depth, replaced, removed or added to."""
    copy = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(0, 3))):
        place = copy
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
                change = draw(st.sampled_from(["replace", "remove", "add"]))
                if change == "replace" or (change == "add" and isinstance(place, list)):
                    place[key] = draw(JSON)
                elif change == "remove":
                    del place[key]
                else:
                    place[draw(st.text(max_size=8))] = draw(JSON)
                break
            place = place[key]
    return copy


@st.composite
def damaged(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """One of the samples with pieces of it cut out, doubled, overwritten or exchanged for another's."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        other = draw(st.sampled_from(samples))
        piece = draw(st.sampled_from([b"", data[start:end] * 2, other[start:end], b"\x00"]) | st.binary(max_size=12))
        data = data[:start] + piece + data[end:]
    return data[:50_000]


def lines_of(header: Any, *rest: Any) -> st.SearchStrategy[bytes]:
    """A file of JSON Lines whose documents are altered, or whose bytes are damaged."""
    text = [json.dumps(line).encode() for line in (header, *rest)]
    documents = st.tuples(*(altered(line) for line in (header, *rest)))
    written = documents.map(lambda found: b"\n".join(json.dumps(line).encode("utf-8", "replace") for line in found))
    return written | damaged([b"\n".join(text) + b"\n"])


def _in_file(data: bytes, read: Callable[[Path], object], name: str = "input") -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            read(path)
        except CacheWarmingError:
            return


CONFIG = load_config(
    {"env": "fuzz", "base_url": "http://127.0.0.1:8000", "public_url": "http://shop.example"}, {}, Path("/nowhere")
)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOCK = Clock(NOW.timestamp())
SPECS = [spec for name in FORMAT_NAMES if (spec := forced_spec(name, "")) is not None]
SPECS += [spec for layout in CUSTOM if (spec := forced_spec("auto", layout)) is not None]


def log_line(line: bytes) -> None:
    for spec in SPECS:
        LineReader(spec, CLOCK).parse(line)
    try:
        detect("fuzz.log", [line], CLOCK)
    except FileFormatError:
        return


HEADER = {"format": "url-manifest", "version": 1, "entries": 1, "window": {"start": None, "end": "2026-11-22T00:00:00+00:00"},
          "totals": {}, "profiles": {"chrome": {"User-Agent": "x"}}, "sources": []}  # fmt: skip
ENTRY = {"url": "/a/?b=1", "host": "shop.example:80", "hits": 3, "predicted_hits": 1.5, "cold_ms": 1.0, "warm_ms": 1.0,
         "route": "/a/*/", "variants": {"chrome": 0.5}, "signed_in": 0.5}  # fmt: skip
RUN = {
    "format": "warming-outcomes",
    "version": 1,
    "run_id": "r",
    "env": "prod",
    "public_url": "http://x",
    "release": "v",
}
OUTCOME = {"url": "/a/", "host": "h", "profile": "chrome", "result": "stored", "reason": "", "weight": 1.0, "status": 200,
           "cacheable": True, "page": "stored", "keys": [["default", "k", "p", "stored", 2]]}  # fmt: skip
PERSONAS = {"format": "warming-personas", "version": 1, "cookie": "sessionid", "expires_at": "2099-01-01T00:00:00+00:00",
            "personas": {"trade": {"session": "s" * 32}}}  # fmt: skip
TRACE = {"v": 1, "a": ["default"], "k": [[0, "key", "h", "p"], [0, "key2", "s", "f", 2]], "r": "private", "w": "host:1",
         "l": ["local"], "o": 0, "x": {"ttl_s": 3, "fill": {"default": 0.7}, "leak": [{"alias": "a"}], "writes": {"t": 1}}}  # fmt: skip
VIEW = {"absolute_uri": "http://h/", "language": "en", "time_zone": "UTC", "django": "6.1", "release": "", "worker": "h:1",
        "aliases": {"default": "x"}, "private_aliases": []}  # fmt: skip


def personas(data: bytes) -> None:
    try:
        parse_personas(data, "fuzz")
    except CacheWarmingError:
        return


def sitemap(data: bytes) -> None:
    is_sitemap(data[:4096])
    _in_file(data, lambda path: list(sitemap_blocks(Source(str(path)))), "sitemap.xml")


def packed(document: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(document).encode("utf-8", "replace"))).decode()


def trace(value: str) -> None:
    try:
        found = traces.decode_trace(value)
    except ValueError:
        return
    use(found)
    again = traces.decode_trace(traces.encode_trace(found))
    assert found.keys[: len(again.keys)] == again.keys


def use(found: Trace) -> None:
    """What the crawler reads out of a trace."""
    for kind in KeyKind:
        extras.ttl_s(found, kind)
    extras.fill(found, "default")
    extras.key_print(found, "default")
    extras.counts(found, "writes")
    list(extras.entries(found, "leak"))
    assert len({(key.alias, key.key, key.version) for key in found.keys}) <= len(found.keys)
    answer = Answer(status=200, trace=found)
    assert isinstance(answer.leaks, list)
    assert found.page_hit in (True, False)


def site_view(value: str) -> None:
    try:
        view = traces.decode_site_view(value)
        check_site(view, "http://shop.example/en/", CONFIG, Target.from_config(CONFIG))
    except (ValueError, CacheWarmingError):
        return


GENUINE = sign_ticket(Ticket(run_id="r", expires_at_s=2_000_000_000), secret="s" * 40, host="h", target="/a/?b")


def ticket(parts: tuple[str, str, str]) -> None:
    value, host, target = parts
    try:
        check_ticket(value, secrets=["s" * 40], method="GET", host=host, target=target, now_s=0)
    except TicketRefusedError:
        return
    assert (value, host.lower(), target) == (GENUINE, "h", "/a/?b") or host.lower() == "h"


def retry_after(text: str) -> None:
    assert 0 <= parse_retry_after(text, NOW) < float("inf")
    refusal_in(text)


def html(parts: tuple[bytes, str, str]) -> None:
    body, encoding, content_type = parts
    is_html(content_type)
    text = text_of(body, encoding, content_type)
    if text is not None:
        for fragment in fragments(text, "https://shop.example/en/p/?a=1"):
            assert fragment.url.startswith("/")
            assert all("\r" not in value and "\n" not in value for _, value in fragment.headers)
        soft_failure(text, "/en/p/")


def location(text: str) -> None:
    is_login_path(text)
    safety.SafetyRules()


def forwarded(text: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": text})
    for trusted in (0, 1, 3, ["10.0.0.0/8"], ["unix"]):
        with override_settings(CACHE_WARMING={"TRUSTED_PROXIES": trusted}):
            client_address(request)


DATES = [
    "Sun, 22 Nov 2026 12:00:09 GMT",
    "Sunday, 22-Nov-26 12:00:09 GMT",
    "Sun Nov 22 12:00:09 2026",
    "120",
    "1e9",
    "-1",
]
DATE_PIECES = st.sampled_from(
    [*" ".join(DATES).split(), "99999", "-0000", "+9999", "25:61:61", "0", "00", "999999999999", ","]
)
HTML_PIECES = st.sampled_from([
    '<base href="http://[">', '<base href="//x:99999/">', "<div hx-get='/x' hx-trigger='load'", "<div hx-get='http://[::1' hx-trigger=load>",
    '<turbo-frame src="//x">', "<turbo-frame id=a src='/f'>", '<esi:include src="/e"/>', "<iframe src=' \t/i'>", "<a up-defer href='?x'>",
    "<link rel='next' href='?page=2'>", "<title>Error 500</title>", "<h1>Server Error (500)</h1>", "<meta http-equiv=refresh content='0;url=/login'>",
    "<input type=password>", "<!--", "-->", "<![CDATA[", "<svg>", "<template>", "</", "<" * 50, "&#x110000;", "\x00", "<div>" * 200, "x" * 500,
    "<meta charset=utf-7>", "hx-trigger='load' " * 20, "rel=next " * 30,
])  # fmt: skip
PAGES = st.lists(HTML_PIECES | st.text(max_size=20), max_size=12).map(
    lambda pieces: "".join(pieces).encode("utf-8", "replace")
)
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": bytes, "x": bytes,
}  # fmt: skip
CHARSETS = ["utf-8", "utf-16", "latin-1", "zlib", "base64", "rot13", "undefined", "idna", "punycode", "unicode_escape", "utf-7", "mbcs", "x\x00"]  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, str, str]:
    encoding = draw(st.sampled_from(sorted(ENCODERS)))
    body = ENCODERS[encoding](draw(PAGES))
    if draw(st.booleans()):
        body = draw(damaged([body]))
    charset = draw(st.sampled_from(["", *(f"; charset={name}" for name in CHARSETS)]) | st.text(max_size=20))
    return body, encoding, f"text/html{charset}"


SITEMAP = b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>http://h/a</loc></url></urlset>'
ENTITIES = b'<!DOCTYPE a [<!ENTITY x "xxxx"><!ENTITY y "&x;&x;">]><urlset><url><loc>&y;</loc></url></urlset>'
COMMENTS = b"<?xml?>" + b"<!-- a --> " * 40 + b"<!DOCTYPE x [ ]>" * 5 + b"<urlse"
RULES = b'[safety]\nunsafe = ["/x/"]\n[parameters]\nsession = ["sid"]\n'
TICKETS = damaged([GENUINE.encode()]).map(lambda raw: raw.decode("latin-1"))

TARGETS: dict[str, Fed] = {
    "log lines": Fed(damaged([line.encode() for line in LINES.values()]) | st.binary(max_size=200), log_line),
    "manifests": Fed(lines_of(HEADER, ENTRY), lambda data: _in_file(data, lambda path: list(ManifestReader(path)))),
    "outcomes": Fed(lines_of(RUN, OUTCOME, OUTCOME), lambda data: _in_file(data, lambda path: list(OutcomeReader(path)))),
    "personas": Fed(altered(PERSONAS).map(lambda d: json.dumps(d).encode("utf-8", "replace")) | damaged([json.dumps(PERSONAS).encode()]), personas),
    "rules": Fed(damaged([RULES]), lambda data: _in_file(data, lambda path: read_rules(str(path)))),
    "sitemaps": Fed(damaged([SITEMAP, ENTITIES, COMMENTS, gzip.compress(SITEMAP)]), sitemap),
    "tickets": Fed(st.tuples(TICKETS | st.text(max_size=300), st.text(max_size=20) | st.just("h"), st.text(max_size=30) | st.just("/a/?b")), ticket),
    "Retry-After": Fed(st.lists(DATE_PIECES | st.text(max_size=6), max_size=8).map(" ".join) | damaged([d.encode() for d in DATES]).map(lambda raw: raw.decode("latin-1")), retry_after),
    "traces": Fed(altered(TRACE).map(packed) | damaged([packed(TRACE).encode()]).map(lambda raw: raw.decode("ascii", "replace")), trace),
    "site views": Fed(altered(VIEW).map(json.dumps) | damaged([json.dumps(VIEW).encode()]).map(lambda raw: raw.decode("latin-1")), site_view),
    "HTML pages": Fed(bodies(), html),
    "locations": Fed(damaged([b"http://[::1]:80/accounts/login/?next=/", b"//x/sso/y"]).map(lambda raw: raw.decode("latin-1")), location),
    "X-Forwarded-For": Fed(damaged([b"1.2.3.4, [::1]:80, ::ffff:1.2.3.4, unknown, 10.0.0.1"]).map(lambda raw: raw.decode("latin-1").replace("\n", "").replace("\r", "")), forwarded),
}  # fmt: skip
