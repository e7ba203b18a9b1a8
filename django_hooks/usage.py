"""What visitors were seen to read: it decides which warmer, and which of its entries, go first.

Two sources, each with what it can honestly tell. The traffic that the middleware counted knows routes, not keys: a
warmer that names its ``routes`` counts as much as their requests. An outcome file of a crawl knows, of each page that
visitors ask for, which keys its request read: a key counts as much as the requests of all pages that read it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import blake2b
from itertools import compress
from os import PathLike
from typing import Any, Final

from django.db import Error as DatabaseError
from django.db.models import Sum
from django.db.models.functions import Coalesce

from url_manifests.outcomes import OutcomeReader

from .models import ObservedTraffic
from .narrowing import one_by_one
from .warmers import Warmer
from .warmers.key_batches import KeyBatch

DAYS: Final = 14
MAX_KEYS: Final = 200_000
"""Keys whose reads are remembered; a key takes some 100 bytes."""


def requests_by_route(now: datetime | None = None) -> dict[str, int]:
    """Route → visitors' requests within the last `DAYS`; empty when nothing was counted or the table is missing."""
    since = int((now or datetime.now(UTC)).timestamp() // 3600) - DAYS * 24
    requests = Coalesce(Sum("cold_hits"), 0) + Coalesce(Sum("warm_hits"), 0)
    rows = (
        ObservedTraffic.objects.filter(hour__gte=since)
        .exclude(route="")
        .values_list("route")
        .annotate(requests=requests)
    )
    try:
        return dict(rows)
    except DatabaseError:
        return {}  # Not migrated, or out of reach: the order is the declared one, and nothing else depends on it.


def by_requests(warmers: Sequence[Warmer], requests: dict[str, int]) -> list[Warmer]:
    """The warmers of each priority with those first whose routes were asked for most; else in the order given."""
    return sorted(warmers, key=lambda warmer: (-warmer.priority, -_requests_of(warmer, requests)))


def _requests_of(warmer: Warmer, requests: dict[str, int]) -> int:
    return sum(hits for route, hits in requests.items() if any(fnmatchcase(route, p) for p in warmer.routes))


class KeyReads:
    """How often each key was read, by what an outcome file tells."""

    def __init__(self) -> None:
        self._reads: dict[bytes, float] = {}

    @classmethod
    def from_outcomes(cls, path: str | PathLike[str]) -> KeyReads:
        """Read them.

        Raises:
            FileFormatError: the file is missing or malformed.
        """
        reads = cls()
        for outcome in OutcomeReader(path):
            for state in outcome.keys:
                reads.add(state.alias, state.key, outcome.weight)
        return reads

    def add(self, alias: str, key: str, times: float) -> None:
        """Count reads of a key; beyond `MAX_KEYS` only of those that are known, which an outcome file tells first."""
        digest = _digest(alias, key)
        if digest in self._reads or len(self._reads) < MAX_KEYS:
            self._reads[digest] = self._reads.get(digest, 0.0) + times

    def of(self, alias: str, key: str) -> float:
        """How often it was read."""
        return self._reads.get(_digest(alias, key), 0.0)

    def __len__(self) -> int:
        return len(self._reads)


class Seen:
    """Lets those entries pass that visitors were seen to read, with that as their weight; or only the others."""

    is_closed = False

    def __init__(self, reads: KeyReads, alias: str, *, read: bool) -> None:
        self._reads = reads
        self._alias = alias
        self._read = read

    def admit(self, entry: Any) -> Any:
        key = getattr(entry, "key", None)
        reads = self._reads.of(getattr(entry, "alias", "") or self._alias, key) if isinstance(key, str) else 0.0
        if (reads > 0) is not self._read:
            return None
        # In the report's coverage it counts as much as the requests that read it; what nobody was seen to read, as one.
        return dataclasses.replace(entry, weight=reads) if reads else entry

    def narrow(self, batch: KeyBatch) -> KeyBatch:
        if self._read or batch.keys is None:
            return one_by_one(batch, self)  # They differ in their weights.
        alias = batch.alias or self._alias
        unread = [not self._reads.of(alias, key) > 0 for key in batch.keys]
        return dataclasses.replace(
            batch, keys=list(compress(batch.keys, unread)), make=lambda: compress(batch.make(), unread)
        )


def _digest(alias: str, key: str) -> bytes:
    return blake2b(f"{alias}\0{key}".encode("utf-8", "replace"), digest_size=8).digest()
