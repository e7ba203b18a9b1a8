"""What is asked for, in which order, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import pytest
from yarl import URL

from crawler.plan import Planned, Visitors, plan_requests, selector, visitor_headers
from crawler.wire import wire_target
from url_manifests.manifest import Entry, Header, ManifestReader, write_manifest
from url_manifests.personas import Personas

PROFILES = {"chrome": {"User-Agent": "Chrome", "Host": "x", "connection": "close"}, "safari": {"User-Agent": "Safari"}}


def manifest(folder: Path, *entries: Entry, profiles: dict[str, dict[str, str]] | None = None) -> ManifestReader:
    header = Header(entries=len(entries), profiles=PROFILES if profiles is None else profiles)
    write_manifest(folder / "m.jsonl", header, entries)
    return ManifestReader(folder / "m.jsonl")


def plan(reader: ManifestReader, personas: Personas | None = None) -> Iterator[tuple[Planned, ...]]:
    return plan_requests(reader, Visitors(reader, personas))


def test_entries_times_variants_in_order(tmp_path: Path) -> None:
    both = Entry(url="/a/", hits=10, variants={"safari": 0.4, "chrome": 0.6})
    plain = Entry(url="/b/", hits=7, predicted_hits=3.5)
    planned = list(chain.from_iterable(plan(manifest(tmp_path, both, plain))))
    assert [(p.number, p.entry_number, p.entry.url, p.profile, p.weight) for p in planned] == [
        (0, 0, "/a/", "safari", 4.0),
        (1, 0, "/a/", "chrome", 6.0),
        (2, 1, "/b/", "chrome", 3.5),  # without variants: everybody, by the first profile
    ]
    assert planned[0].headers == (("User-Agent", "Safari"),)


PERSONAS = Personas(
    cookie="sessionid", expires_at=datetime(2030, 1, 1, tzinfo=UTC), sessions={"trade": "s-1", "staff": "s-2"}
)


def test_the_signed_in_share_is_the_personas(tmp_path: Path) -> None:
    entry = Entry(url="/a/", hits=100, variants={"chrome": 0.25, "safari": 0.75}, signed_in=0.5)
    ((*planned,),) = plan(manifest(tmp_path, entry), PERSONAS)
    assert [(p.number, p.profile, p.persona, p.weight) for p in planned] == [
        (0, "chrome", "", 12.5),
        (1, "safari", "", 37.5),
        (2, "safari", "trade", 25.0),
        (3, "safari", "staff", 25.0),
    ]
    assert planned[2].headers == (("User-Agent", "Safari"), ("Cookie", "sessionid=s-1"))
    assert "s-1" not in repr(planned)


def test_without_personas_everybody_is_anonymous(tmp_path: Path) -> None:
    ((planned,),) = plan(manifest(tmp_path, Entry(url="/a/", hits=100, signed_in=0.4)))
    assert (planned.persona, planned.weight) == ("", 100.0)


def test_pages_of_the_signed_in_only(tmp_path: Path) -> None:
    ((*planned,),) = plan(manifest(tmp_path, Entry(url="/a/", hits=100, signed_in=1.0)), PERSONAS)
    assert [p.persona for p in planned] == ["trade", "staff"]


def test_a_persona_carries_exactly_its_session(tmp_path: Path) -> None:
    reader = manifest(tmp_path, profiles={"chrome": {"Cookie": "consent=1; theme=dark"}})
    visitors = Visitors(reader, PERSONAS)
    assert visitors.headers("chrome") == (("Cookie", "consent=1; theme=dark"),)
    assert visitors.headers("chrome", "trade") == (("Cookie", "sessionid=s-1"),)


def test_a_manifest_without_profiles(tmp_path: Path) -> None:
    ((planned,),) = plan(manifest(tmp_path, Entry(url="/a/", hits=1), profiles={}))
    assert (planned.profile, planned.headers) == ("", ())


def test_headers_of_the_connection_are_not_the_visitors() -> None:
    assert visitor_headers(PROFILES["chrome"]) == (("User-Agent", "Chrome"),)


@pytest.mark.parametrize(
    ("only", "url", "expected"),
    [
        ("", "/a/", True),
        ("/a/", "/a/b/?c", True),
        ("/a/", "/b/a/", False),
        ("/a/*", "/a/b/", True),
        ("*/b/", "/a/b/", True),
        ("*/b/", "/a/b/c/", False),
        ("/a/?page=1", "/a/?page=12", True),
        ("/a/?page=1", "/a/xpage=1", False),
        ("/x/, /a/", "/a/", True),
        (" , ", "/a/", True),
        ("/a.b/", "/aXb/", False),
    ],
)
def test_only(only: str, url: str, expected: bool) -> None:
    assert selector(only)(url) is expected


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("/a/?b=1", "/a/?b=1"),
        ("/a/?", "/a/"),
        ("/a/??", "/a/??"),
        ("/a/?b?", "/a/?b?"),
        ("/a;", "/a;"),
        ("/a?;", "/a?;"),
        ("/a//b", "/a//b"),
        ("/a/../b/./%2E", "/a/../b/./%2E"),
    ],
)
def test_what_a_site_sees_of_a_url(url: str, wire: str) -> None:
    assert wire_target(url) == wire
    assert URL(f"http://127.0.0.1{url}", encoded=True).raw_path_qs == wire  # what aiohttp sends
