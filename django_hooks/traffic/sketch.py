"""Which keys are heavy, in bounded memory: Misra-Gries, kept so that no counter is ever too high. Pure.

A dict of at most ``capacity`` keys. When it is full and a new key comes, a *purge* lowers all credits by their median
and forgets the keys whose credit is used up. The lowering is one number, `offset`, that every key is compared with, so
a purge costs one pass and comes at the earliest after ``capacity / 2`` new keys: constant time per record.

What is kept beside a key (`Cost`) is what was really seen since the key came in. With ``total`` records seen and
``seen`` those of one key::

    seen - offset  <=  hits kept for the key  <=  seen          and          offset <= 2 * total / capacity

because each purge takes ``median`` from at least half of ``capacity`` keys, and all purges together cannot take more
than was put in. So a key with more than ``2 / capacity`` of the traffic is always there. Libraries that do this
(Apache DataSketches) bring numpy into every worker of the site, or are native code for fifty lines of Python.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from statistics import median_low
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Cost:
    """What requests for one key took; four sums and a share."""

    __slots__ = ("base", "cold_hits", "cold_s", "route", "signed_in_hits", "urlconf", "warm_hits", "warm_s")

    def __init__(self, base: int = 0) -> None:
        self.base = base
        """The sketch's offset when the key came in."""
        self.cold_hits = 0
        self.cold_s = 0.0
        self.warm_hits = 0
        self.warm_s = 0.0
        self.signed_in_hits = 0
        self.route = ""
        """Not part of the key: a page that comes from a site-wide cache was never resolved and has none."""
        self.urlconf = ""
        """Where the URL is to be looked up, if not in ``ROOT_URLCONF``."""

    @property
    def hits(self) -> int:
        return self.cold_hits + self.warm_hits

    def add(self, seconds: float, hits: int = 1, *, is_warm: bool, is_signed_in: bool = False) -> None:
        """Count requests that took so many seconds altogether."""
        if is_warm:
            self.warm_hits += hits
            self.warm_s += seconds
        else:
            self.cold_hits += hits
            self.cold_s += seconds
        if is_signed_in:
            self.signed_in_hits += hits

    def merge(self, other: Cost) -> None:
        """Count another key's requests too."""
        self.cold_hits += other.cold_hits
        self.cold_s += other.cold_s
        self.warm_hits += other.warm_hits
        self.warm_s += other.warm_s
        self.signed_in_hits += other.signed_in_hits
        self.route = self.route or other.route
        self.urlconf = self.urlconf or other.urlconf


class Sketch(Generic[Key]):
    """The heavy keys of a stream; see the module's description. For one thread."""

    def __init__(self, capacity: int) -> None:
        if capacity < 2:
            raise ValueError(f"capacity must be at least 2, is {capacity}")
        self.capacity = capacity
        self.costs: dict[Key, Cost] = {}
        self.total = 0
        """Records seen, a lower bound once keys were `discard`-ed for good."""
        self.offset = 0
        """By how much a key that is kept may be too low, and the most that a key that is not kept may have had."""
        self.forgotten = 0
        """Records whose key was forgotten by a purge."""

    def cost(self, key: Key, hits: int = 1) -> Cost:
        """The sums of ``key``, to which the caller adds exactly so many records."""
        self.total += hits
        cost = self.costs.get(key)
        if cost is None:
            if len(self.costs) >= self.capacity:
                self._purge()
            cost = self.costs[key] = Cost(self.offset)
        return cost

    def _purge(self) -> None:
        # A key's credit is what it was counted since it came in, less what purges have taken since then.
        self.offset += max(1, median_low(cost.hits + cost.base - self.offset for cost in self.costs.values()))
        for key, cost in list(self.costs.items()):
            if cost.hits + cost.base <= self.offset:
                self.forgotten += cost.hits
                del self.costs[key]

    def discard(self, keys: Iterable[Key]) -> None:
        """Take out what was saved elsewhere; when nothing is left, the next interval starts with a clean bound."""
        for key in keys:
            self.costs.pop(key, None)
        if not self.costs:
            self.total = self.offset = self.forgotten = 0
