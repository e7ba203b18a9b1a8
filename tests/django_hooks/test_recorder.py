"""From calls to one event a key; bounded."""

from __future__ import annotations

import pytest

from django_hooks.recorder import PAGE_BODY_PREFIX, First, KeyId, Recorder
from url_manifests.traces import HEADER_LIST_PREFIX, KeyEvent, KeyKind

PART = KeyId("default", "k", None)
PAGE = KeyId("default", f"{PAGE_BODY_PREFIX}.GET.x", None)


def recorded(*notes, max_keys=10):
    recorder = Recorder(max_keys)
    for name, *args in notes:
        getattr(recorder, name)(*args[:1], **(args[1] if len(args) > 1 else {}))
    return recorder


HIT = ("lookup", PART, {"found": True})
MISS = ("lookup", PART, {"found": False})
WRITE = ("write", PART)
CLAIM = ("write", PART, {"first": First.CLAIM})
DELETE = ("delete", PART)


@pytest.mark.parametrize(
    ("notes", "when_present", "when_gone"),
    [
        ([HIT], KeyEvent.HIT, KeyEvent.HIT),
        ([MISS], KeyEvent.MISS, KeyEvent.MISS),
        ([MISS, WRITE], KeyEvent.STORED, KeyEvent.LOST),
        # Memcached deletes the old value when it refuses the new one.
        ([HIT, WRITE], KeyEvent.HIT, KeyEvent.LOST),
        ([WRITE, HIT], KeyEvent.WRITTEN, KeyEvent.WRITTEN),
        ([CLAIM], KeyEvent.HIT, KeyEvent.LOST),
        ([MISS, CLAIM], KeyEvent.STORED, KeyEvent.LOST),
        ([MISS, WRITE, DELETE], None, None),
        ([MISS, WRITE, DELETE, MISS], None, None),
        ([MISS, DELETE], KeyEvent.MISS, KeyEvent.MISS),
        ([HIT, DELETE, WRITE], KeyEvent.HIT, KeyEvent.LOST),
        ([HIT, ("count", PART)], KeyEvent.WRITTEN, KeyEvent.WRITTEN),
    ],
)
def test_calls_fold_into_one_event(notes, when_present, when_gone):
    recorder = recorded(*notes)
    assert dict(recorder.events({PART})).get(PART) == when_present
    assert dict(recorder.events(set())).get(PART) == when_gone


def test_a_page_that_was_written_without_being_looked_up_is_proven_too():
    recorder = recorded(("write", PAGE))
    assert recorder.unproven() == [PAGE]
    assert list(recorder.events({PAGE})) == [(PAGE, KeyEvent.STORED)]


def test_page_keys_come_first_and_always_fit():
    others = [("lookup", KeyId("default", str(number), None), {"found": True}) for number in range(5)]
    recorder = recorded(*others, ("write", PAGE), max_keys=3)
    assert recorder.omitted == 2
    assert [key.key for key, _ in recorder.events({PAGE})] == [PAGE.key, "0", "1", "2"]


def test_kinds():
    assert [KeyId("a", key, None).kind for key in (f"{HEADER_LIST_PREFIX}.x", PAGE.key, "k")] == [
        KeyKind.PAGE,
        KeyKind.PAGE,
        KeyKind.PART,
    ]


def test_clearing_an_alias_leaves_the_others():
    other = KeyId("other", "k", None)
    recorder = recorded(HIT, ("lookup", other, {"found": True}), ("clear", "default"))
    assert dict(recorder.events(())) == {PART: KeyEvent.MISS, other: KeyEvent.HIT}
