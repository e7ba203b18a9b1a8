"""What the shortcut takes for plain must be what all the rules let through."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.url_manifests.test_safety import HARMLESS, UNSAFE
from url_manifests import classify
from url_manifests.harmless import PLAIN_PATH
from url_manifests.rules import Rules
from url_manifests.unsafe_words import ACTIONS_BEFORE_IDS, OBJECT_ACTIONS, PAIRED_PARENTS, UNSAFE_SEGMENTS

TARGETS = [*(url for _, url in UNSAFE), *HARMLESS]
WORDS = st.one_of(
    # Words of the tables, which hold a blank where a segment holds a hyphen.
    *(
        st.from_regex(f"(?:{words})", fullmatch=True)
        for words in (*UNSAFE_SEGMENTS.values(), OBJECT_ACTIONS, ACTIONS_BEFORE_IDS)
    ),
    st.sampled_from([*PAIRED_PARENTS, "add", "reset", "static", "healthz", "readyz", "ping", "server-status", "build"]),
    st.from_regex(r"(?:sk|pypi|glpat|xoxb)-[a-z0-9-]{5,40}|[0-9a-f]{20,40}|[0-9]{3,16}|[a-z]{1,40}", fullmatch=True),
    st.from_regex(r"[a-z]{1,8}(?:-[a-z0-9]{1,20}){0,4}", fullmatch=True),
)


def by_all_rules(target: str) -> object:
    """Classified with the shortcut closed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classify, "PLAIN_PATH", re.compile(rb"(?!)"))
        return classify.Classifier(Rules()).classify(b"shop.example", target.encode())


def by_shortcut(target: str) -> object:
    return classify.Classifier(Rules()).classify(b"shop.example", target.encode())


@pytest.mark.parametrize("target", TARGETS)
def test_both_corpora_come_out_the_same(target):
    assert by_shortcut(target) == by_all_rules(target)


@settings(max_examples=600, deadline=None)
@given(segments=st.lists(WORDS, min_size=1, max_size=4), end=st.sampled_from(["", "/", "?page=2", "?token=x&a=1"]))
@example(segments=["increase quantity"], end="/")
@example(segments=["xoxb-abcdefghijklmnop"], end="/")
@example(segments=["a-sk-abcdefghij-abcdefghijkl"], end="/")
def test_words_of_the_tables_come_out_the_same(segments, end):
    target = "/" + "/".join(segment.replace(" ", "-") for segment in segments) + end
    assert by_shortcut(target) == by_all_rules(target)


@pytest.mark.parametrize("target", ["/", "/en/", "/en/p/42/nice-blue-lamp/", "/blog/how-we-work-2024", "/en/lamp/5/"])
def test_plain_paths_take_the_shortcut(target):
    assert PLAIN_PATH.fullmatch(target.encode())
