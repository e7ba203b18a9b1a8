"""What requests leave for the thread: nothing is lost, whoever comes when."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from django_hooks.traffic import notes as notes_module
from django_hooks.traffic.folding import Fold
from django_hooks.traffic.notes import Notes
from django_hooks.traffic.options import TrafficOptions

from .conftest import CHROME, HOST, NOW_S


def seen(number: int):
    return (HOST, f"/p/{number}/", "", "", "", CHROME, "", "", "", False, False, 1)


def leave(notes: Notes, key) -> None:
    """As `counting` does it."""
    times = notes.known.get(key)
    if times is not None and len(times) < notes_module.MAX_TIMES:
        times.append(0.5)
    else:
        notes.queue.append((key, 0.5))


def hits(fold: Fold) -> dict[str, int]:
    return {key.url: cost.hits for key, cost in fold.sketch.costs.items()}


def test_what_comes_twice_is_only_a_number_afterwards():
    notes, fold = Notes(), Fold(TrafficOptions())
    for _ in range(2):
        leave(notes, seen(1))
    fold.take(notes, NOW_S)
    leave(notes, seen(1))
    assert not notes.queue
    fold.take(notes, NOW_S)
    assert hits(fold) == {"/p/1/": 3}
    assert next(iter(fold.sketch.costs.values())).cold_s == 1.5


def test_what_comes_once_takes_nobodys_place():
    notes, fold = Notes(), Fold(TrafficOptions())
    for number in range(3000):
        leave(notes, seen(number))
    fold.take(notes, NOW_S)
    assert notes.known == {}


def test_a_quiet_key_makes_room_and_a_late_note_of_it_still_counts():
    notes = Notes()
    notes.learn(seen(1))
    held = notes.known[seen(1)]
    notes.unlearn()
    assert seen(1) in notes.known  # learnt in this interval
    notes.unlearn()
    assert notes.known == {}
    held.append(0.25)  # by a request that had looked it up before
    assert list(notes.drain()) == [(seen(1), 1, 0.25)]


@pytest.mark.parametrize(("name", "value"), [("MAX_KNOWN", 3), ("MAX_TIMES", 2)])
def test_limits_lead_into_the_queue(monkeypatch, name, value):
    monkeypatch.setattr(notes_module, name, value)
    notes, fold = Notes(), Fold(TrafficOptions())
    for _ in range(5):
        for number in range(5):
            leave(notes, seen(number))
            leave(notes, seen(number))
        fold.take(notes, NOW_S)
    assert hits(fold) == {f"/p/{number}/": 10 for number in range(5)}
    assert len(notes.known) <= 5
    assert all(len(times) <= 2 for times in notes.known.values())


def test_threads_that_note_while_another_takes_lose_nothing():
    notes, fold = Notes(), Fold(TrafficOptions())
    done = threading.Event()

    def request_thread(start: int) -> None:
        for number in range(20_000):
            leave(notes, seen((start + number) % 40))

    def taking_thread() -> None:
        while not done.is_set():
            fold.take(notes, NOW_S)
            notes.unlearn()

    taker = threading.Thread(target=taking_thread)
    requests = [threading.Thread(target=request_thread, args=(n,)) for n in range(4)]
    for thread in (taker, *requests):
        thread.start()
    for thread in requests:
        thread.join()
    done.set()
    taker.join()
    fold.take(notes, NOW_S)
    assert Counter(hits(fold)) == Counter({f"/p/{number}/": 2_000 for number in range(40)})
