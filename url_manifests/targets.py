"""Request targets to numbers at once, to pages when it is time to write: what never counts is never classified."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from typing import IO, Final

from .cells import OTHER_METHOD, TARGET_BIT, page_hash
from .classify import Classifier

MAX_TARGETS: Final = 300_000
"""Distinct targets that a worker remembers; each takes some 250 bytes. Then it forgets all and starts afresh."""


_NO_TARGET: Final = re.compile(rb'[\s"\\]')


class NotPlainError(Exception):
    """A block holds a time or a target that cannot be: it is for the general parser as a whole."""


class Targets:
    """The distinct targets of one worker, numbered."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.parts: dict[bytes | tuple[bytes, bytes], int] = _Parts(self)
        """Target, or host and target → its number, in its place in a cell. Fills itself in."""
        self.rules: dict[int, str] = {}
        """Number → the rule that excludes the target."""
        self.clear()

    def clear(self) -> None:
        """Forget all of them; numbers begin again."""
        self.parts.clear()
        self.parts[b""] = 0
        self.rules.clear()
        self._keys: list[bytes | tuple[bytes, bytes]] = []
        self.hashes: array[int] = array("q")
        """Number → the page's hash; 0 before `resolve` and for what is excluded."""

    def add(self, key: bytes | tuple[bytes, bytes]) -> int:
        """Give a new target its number."""
        number = len(self._keys)
        self._keys.append(key)
        self.hashes.append(0)
        return number << TARGET_BIT

    def resolve(self, numbers: Iterable[int], pages: IO[str]) -> None:
        """Classify the targets of these numbers, unless that was done, and write the new pages."""
        hashes, rules = self.hashes, self.rules
        for number in numbers:
            if hashes[number] or number in rules:
                continue
            key = self._keys[number]
            host, target = key if isinstance(key, tuple) else (b"", key)
            page = self._classifier.classify(host, target)
            if isinstance(page, str):
                rules[number] = page
                continue
            hashes[number] = page_hash(page.host, page.url)
            unordered = page_hash(page.host, page.unordered) if page.unordered else 0
            pages.write(f"{hashes[number]}\t{unordered}\t{page.host}\t{page.url}\n")


class _Parts(dict[bytes | tuple[bytes, bytes], int]):
    """Numbers new targets; what `bulk` leaves with its method in front is marked."""

    def __init__(self, targets: Targets) -> None:
        super().__init__()
        self._targets = targets

    def __missing__(self, key: bytes | tuple[bytes, bytes]) -> int:
        is_other = False
        if isinstance(key, bytes):
            method, _, target = key.partition(b"/")
            if _NO_TARGET.search(target):
                raise NotPlainError
            is_other = method != b""
        part = self[key] = OTHER_METHOD if is_other else self._targets.add(key)
        return part
