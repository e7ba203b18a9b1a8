"""A person at a terminal, and a pipeline's log, both see that the run lives."""

from __future__ import annotations

import io
from collections import Counter

import pytest

from django_hooks import progress
from url_manifests.outcomes import Outcome, Result


def outcome(url="x", result=Result.STORED):
    return Outcome(url=url, result=result, weight=1)


def category(outcome):
    return outcome.url


def test_lines_come_at_a_steady_pace():
    seconds = iter([0, 1, 6, 7, 10])
    stream = io.StringIO()
    lines = progress.Lines(category, stream, {"x": 6}, clock=lambda: next(seconds))
    for _ in range(4):
        lines(outcome())
    assert stream.getvalue() == "x: 2 entries: 2 stored; 0/s, 12 s left\n"
    lines.show(8)
    assert stream.getvalue().splitlines()[1:] == ["x: 4 entries: 4 stored; 0/s, 4 s left"]


def test_each_category_has_a_line_and_what_workers_count_is_not_added_twice():
    stream = io.StringIO()
    lines = progress.Lines(category, stream)
    lines(outcome("rows"))
    for results in ({Result.STORED: 2}, {Result.STORED: 5, Result.FAILED: 1}):
        lines.replace("job 1", "sessions", Counter(results))
    lines.replace("job 2", "sessions", Counter({Result.STORED: 1}))
    lines.show(2)
    assert stream.getvalue().splitlines() == [
        "rows: 1 entries: 1 stored; 0/s",
        "sessions: 7 entries: 6 stored, 1 failed; 4/s",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar_for_each_category(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    with progress.watching("auto", terminal, category, {"rows": 4}) as bars:
        bars(outcome("rows"))
        bars(outcome("rows", Result.ALREADY_WARM))
        bars(outcome("sessions", Result.FAILED))
        bars.show(1)
    text = terminal.getvalue()
    assert all(words in text for words in ("rows", "2/4", "1 warm", "sessions", "1/?", "1 errors"))


@pytest.mark.parametrize("choice", progress.CHOICES)
def test_every_kind_of_progress_takes_every_outcome(choice):
    with progress.watching(choice, io.StringIO()) as watcher:
        assert list(progress.watched([outcome()], watcher)) == [outcome()]
