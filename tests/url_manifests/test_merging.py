from __future__ import annotations

import string
from itertools import count, permutations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from url_manifests.differing import compare
from url_manifests.manifest import Entry, Header, ManifestReader, write_manifest
from url_manifests.merging import merge_manifests

PROFILES = {"chrome": {"Accept": "*/*"}, "safari": {"Accept": "text/html"}}
ENTRIES = st.lists(
    st.builds(
        Entry,
        url=st.sampled_from([f"/{letter}/" for letter in string.ascii_lowercase[:6]]),
        host=st.sampled_from(["", "shop.example"]),
        hits=st.integers(1, 10**6),
        predicted_hits=st.none() | st.floats(0, 1e5).map(lambda value: round(value, 3)),
        cold_ms=st.none() | st.floats(0, 1e5).map(lambda value: round(value, 1)),
        warm_ms=st.none() | st.floats(0, 1e5).map(lambda value: round(value, 1)),
        variants=st.sampled_from([{}, {"chrome": 0.7, "safari": 0.3}, {"safari": 0.3333}]),
        signed_in=st.sampled_from([0.0, 0.1234]),
    ),
    max_size=6,
    unique_by=lambda entry: (entry.host, entry.url),
)
MANIFESTS = st.tuples(ENTRIES, st.permutations(["chrome", "safari"]))
numbers = count()


def write(folder, entries, names):
    path = folder / f"{next(numbers)}.jsonl"
    header = Header(entries=len(entries), totals={"lines": 3, "excluded": {"bot": len(entries)}},
                    profiles={name: PROFILES[name] for name in names})  # fmt: skip
    write_manifest(path, header, entries)
    return path


def merge(folder, *paths):
    path = folder / f"{next(numbers)}.jsonl"
    write_manifest(path, *merge_manifests([ManifestReader(item) for item in paths]))
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.tuples(MANIFESTS, MANIFESTS, MANIFESTS))
def test_merging_is_commutative_and_associative_to_the_byte(tmp_path, manifests):
    a, b, c = (write(tmp_path, entries, names) for entries, names in manifests)
    expected = merge(tmp_path, a, b, c).read_bytes()
    for first, second, third in permutations([a, b, c]):
        assert merge(tmp_path, first, second, third).read_bytes() == expected
        assert merge(tmp_path, merge(tmp_path, first, second), third).read_bytes() == expected


def test_merged_sums(tmp_path):
    a = write(tmp_path, [Entry(url="/a/", hits=3, variants={"chrome": 1.0}), Entry(url="/b/", hits=1)], ["chrome"])
    b = write(tmp_path, [Entry(url="/a/", hits=1, variants={"safari": 1.0})], ["safari"])
    reader = ManifestReader(merge(tmp_path, a, b))
    first, second = reader
    assert (first.url, first.hits, first.variants) == ("/a/", 4, {"chrome": 0.75, "safari": 0.25})
    assert (second.url, second.variants) == ("/b/", {})
    assert reader.header.totals == {"excluded": {"bot": 3}, "lines": 6}


def test_what_entered_left_and_moved(tmp_path):
    old = write(tmp_path, [Entry(url=url, hits=hits) for url, hits in (("/a/", 9), ("/b/", 8), ("/c/", 7))], [])
    new = write(tmp_path, [Entry(url=url, hits=hits) for url, hits in (("/a/", 10), ("/b/", 2), ("/d/", 1))], [])
    found = compare(ManifestReader(old), ManifestReader(new))
    assert [(change.kind, change.url, change.old_place, change.new_place) for change in found.changes] == [
        ("left", "/c/", 3, None), ("moved", "/b/", 2, 2), ("entered", "/d/", None, 3),
    ]  # fmt: skip
    assert found.unchanged == 1
