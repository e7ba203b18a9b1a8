"""What two requests say about one part, event by event."""

from __future__ import annotations

import pytest

from crawler.parts import SESSION_KEY_PREFIX, join_parts
from url_manifests.traces import KeyEvent, Trace, TracedKey

EVENTS: dict[str, KeyEvent | None] = {"-": None, **{str(event): event for event in KeyEvent}}

#          second:  -      h       m     s     x     w
TABLE = {
    "h": ("already", "already", "not", "stored", "not", "already"),
    "m": ("", "stored", "", "stored", "not", ""),
    "s": ("stored", "stored", "not", "not", "not", "stored"),
    "x": ("not", "stored", "not", "stored", "not", "not"),
    "w": ("", "stored", "", "stored", "not", ""),
    "-": ("", "already", "", "stored", "not", ""),
}
ROWS = [(first, second, row[i]) for first, row in TABLE.items() for i, second in enumerate("-hmsxw")]


def traced(event: str, key: str = "k") -> Trace:
    found = EVENTS[event]
    return Trace(keys=(TracedKey(alias="default", key=key, event=found),) if found else ())


@pytest.mark.parametrize(("first", "second", "expected"), ROWS)
def test_join(first: str, second: str, expected: str) -> None:
    states = join_parts(traced(first), traced(second)).states
    assert [state.result.split("_")[0] for state in states] == ([expected] if expected else [])


def test_a_page_asked_for_once_counts_what_the_first_request_saw() -> None:
    assert join_parts(traced("h"), None).was_hit
    assert not join_parts(traced("s"), None).was_hit


def test_sessions_of_the_crawler_are_nobody_elses() -> None:
    assert join_parts(traced("s", f"{SESSION_KEY_PREFIX}cache4711"), None).states == ()
