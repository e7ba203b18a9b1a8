"""What requests leave for the recorder's thread, without a lock and without waiting for it.

Two places. A request that was seen before in this interval finds a list under what was `Seen` of it, and appends its
time: nothing is kept but a number. Any other is put, whole, into a queue. Only the thread adds keys and takes them
away; requests look up and append, which is atomic with and without the GIL.

The lists are worth their lines: a queue alone keeps the strings of some hundred requests alive, and costs the next
requests more in cold memory than all of the counting takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import Final

Seen = tuple[str, str, str, str, str, str, str, str, str, bool, bool, int]
"""Host, path, query, URLconf, route, user agent, Vary, Accept-Encoding, language, from the cache?, signed in?, weight.

The weight is how many requests it stands for.

A plain tuple: it is made in every request, and a named one would take five times as long.
"""

UNNAMED_URLCONF: Final = "?"
"""Stands for a URLconf that a middleware made and that no later process can import."""

_HELD_S: Final = 60.0
"""A request holds a list between two instructions; a machine must be very busy to make that long."""

MAX_KNOWN: Final = 1024
"""Keys that have a list."""
MAX_TIMES: Final = 1024
"""Numbers in a list; what comes then goes into the queue, which wakes the thread, which empties the lists."""


class Notes:
    """See the module's description."""

    def __init__(self) -> None:
        self.queue: deque[tuple[Seen, float]] = deque()
        self.known: dict[Seen, list[float]] = {}
        """For requests to read, and for the thread to change."""
        self._active: set[Seen] = set()
        self._retired: list[tuple[float, Seen, list[float]]] = []
        """With the time after which nobody can still hold the list."""

    def clear(self) -> None:
        """Forget everything; requests that hold a reference to this object see it empty."""
        self.queue.clear()
        self.known.clear()
        self._active.clear()
        self._retired.clear()

    def drain(self) -> Iterator[tuple[Seen, int, float]]:
        """Take out what is there: what was seen, how often, and seconds altogether. For the thread."""
        for seen, times in [*self.known.items(), *((seen, times) for _, seen, times in self._retired)]:
            if number := len(times):
                seconds = sum(times[:number])
                del times[:number]
                self._active.add(seen)
                yield seen, number, seconds
        # Not until it is empty: under load it never would be.
        for _ in range(len(self.queue)):
            seen, elapsed_s = self.queue.popleft()
            yield seen, 1, elapsed_s

    def learn(self, seen: Seen) -> None:
        """Give a key a list, if there is room."""
        if len(self.known) < MAX_KNOWN:
            self.known.setdefault(seen, [])
            self._active.add(seen)

    def unlearn(self) -> None:
        """Take the lists of keys away that had nothing since the last time, to make room. For the thread.

        A request may have looked one up just before and append to it just after: for a while it is drained still.
        """
        now_s = monotonic()
        self._retired = [retired for retired in self._retired if retired[0] > now_s]
        quiet = self.known.keys() - self._active
        self._retired += [(now_s + _HELD_S, seen, self.known.pop(seen)) for seen in quiet]
        self._active.clear()
