"""What is asked for, in which order, and what is left out."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from crawler.plan import plan_requests, selector, visitor_headers
from crawler.requests import is_sendable, wire_target
from url_manifests.manifest import Entry, Header, ManifestReader, write_manifest

PROFILES = {"chrome": {"User-Agent": "Chrome", "Host": "x", "connection": "close"}, "safari": {"User-Agent": "Safari"}}


def manifest(folder: Path, *entries: Entry, profiles: dict[str, dict[str, str]] | None = None) -> ManifestReader:
    header = Header(entries=len(entries), profiles=PROFILES if profiles is None else profiles)
    write_manifest(folder / "m.jsonl", header, entries)
    return ManifestReader(folder / "m.jsonl")


def test_entries_times_variants_in_order(tmp_path: Path) -> None:
    both = Entry(url="/a/", hits=10, variants={"safari": 0.4, "chrome": 0.6})
    plain = Entry(url="/b/", hits=7, predicted_hits=3.5)
    planned = list(chain.from_iterable(plan_requests(manifest(tmp_path, both, plain))))
    assert [(p.number, p.entry_number, p.entry.url, p.profile, p.weight) for p in planned] == [
        (0, 0, "/a/", "safari", 4.0),
        (1, 0, "/a/", "chrome", 6.0),
        (2, 1, "/b/", "chrome", 3.5),  # without variants: everybody, by the first profile
    ]
    assert planned[0].headers == (("User-Agent", "Safari"),)


def test_a_manifest_without_profiles(tmp_path: Path) -> None:
    ((planned,),) = plan_requests(manifest(tmp_path, Entry(url="/a/", hits=1), profiles={}))
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
    ("url", "wire", "sendable"),
    [
        ("/a/?b=1", "/a/?b=1", True),
        ("/a/?", "/a/", True),
        ("/a;", "/a", False),
        ("/a;b", "/a;b", True),
        ("/a?;", "/a?;", True),
        ("/a//b", "/a//b", True),
    ],
)
def test_what_twisted_makes_of_a_url(url: str, wire: str, sendable: bool) -> None:
    assert (wire_target(url), is_sendable(url)) == (wire, sendable)
