"""Request targets to numbers at once, to pages when it is time to write: what never counts is never classified."""

from __future__ import annotations

import re
from typing import IO, Final

from .cells import ODD_LINE, OTHER_METHOD, TARGET_BIT, page_hash
from .classify import Classifier

MAX_TARGETS: Final = 300_000
"""Distinct targets that a worker remembers; each takes some 250 bytes. Then it forgets all and starts afresh."""

Key = bytes | tuple[bytes, bytes]
"""A target; with its host where the log tells it."""

_NO_TARGET: Final = re.compile(rb'[\s"\\]')


class NotPlainError(Exception):
    """A block holds a time or a target that cannot be: it is for the general parser as a whole."""


class Targets:
    """The distinct targets of one worker, numbered."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.parts: dict[Key, int] = _Parts(self)
        """Target, or host and target → its number, in its place in a cell. Fills itself in."""
        self.rules: dict[int, str] = {}
        """Number → the rule that excludes the target."""
        self.clear()

    def clear(self) -> None:
        """Forget all of them; numbers begin again."""
        self.parts.clear()
        self.parts[b""] = ODD_LINE
        self.rules.clear()
        self._keys: list[Key] = []
        self.pages: list[str | None] = []
        """Number → the page's hash; empty for what is excluded, ``None`` before `page` was asked."""

    def add(self, key: Key) -> int:
        """The part of a new target: a number of its own, unless it differs from a known one only by its tracking."""
        host, target = key if isinstance(key, tuple) else (None, key)
        shorter = self._classifier.shortened(target)
        if shorter != target:
            return self.parts[shorter if host is None else (host, shorter)]
        self._keys.append(key)
        self.pages.append(None)
        return len(self._keys) - 1 << TARGET_BIT

    def page(self, number: int, new_pages: IO[str]) -> str:
        """Classify a target: its page, which is written as well, or nothing when a rule excludes it."""
        key = self._keys[number]
        host, target = key if isinstance(key, tuple) else (b"", key)
        found = self._classifier.classify(host, target)
        if isinstance(found, str):
            self.rules[number] = found
            page = ""
        else:
            page = str(page_hash(found.host, found.url))
            unordered = page_hash(found.host, found.unordered) if found.unordered else 0
            new_pages.write(f"{page}\t{unordered}\t{found.host}\t{found.url}\n")
        self.pages[number] = page
        return page


class _Parts(dict[Key, int]):
    """Numbers new targets; what `bulk` leaves with its method in front is marked."""

    def __init__(self, targets: Targets) -> None:
        super().__init__()
        self._targets = targets

    def __missing__(self, key: Key) -> int:
        is_other = False
        if isinstance(key, bytes):
            method, _, target = key.partition(b"/")
            if _NO_TARGET.search(target):
                raise NotPlainError
            is_other = method != b""
        part = self[key] = OTHER_METHOD if is_other else self._targets.add(key)
        return part
