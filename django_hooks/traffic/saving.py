"""One save: the sketch's keys become rows, what must not be kept is counted by rule instead, and both are added.

Batches are taken out of the sketch as they are committed. So a save that fails in the middle goes on with the rest next
time, and only a batch whose commit the connection did not live to confirm can be added twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from django_hooks.models import ObservedExclusion, ObservedTraffic
from url_manifests.classify import Classifier
from url_manifests.urls import canonical_host

from . import storage
from .folding import Fold, Key
from .sketch import Cost

_BATCH: Final = 200
"""Rows of one transaction: some 20 ms during which other workers wait, if they save the same ones."""
_PAUSE_S: Final = 0.002
"""Left to the requests after each batch: a thread that computes lets others in only every 5 ms."""
_MAX_HOST_CHARS: Final = 260
_PRUNE_EVERY_S: Final = 3600


class Saver:
    """Saves the counts of one process, again and again."""

    def __init__(self) -> None:
        self._prune_at_s = 0.0

    def save(self, fold: Fold, now_s: float) -> None:
        """Add all that ``fold`` counted to the tables; what was added is taken out of it.

        Raises:
            django.db.Error: the rest is still in ``fold``.
        """
        rows = _admitted(fold)
        this_hour = int(now_s // 3600)
        for batch in _batches(rows):
            storage.add([_traffic_row(key, cost) for key, (cost, _) in batch])
            fold.sketch.discard(source for _, (_, sources) in batch for source in sources)
            time.sleep(_PAUSE_S)
        if rows and (trimmed := storage.trim(this_hour, fold.options.max_urls)):
            fold.excluded[this_hour, "table-full"] += trimmed
        if fold.excluded:
            storage.add([_exclusion_row(hour, rule, hits) for (hour, rule), hits in fold.excluded.items()])
            fold.excluded.clear()
        if now_s >= self._prune_at_s:
            storage.prune(this_hour - fold.options.retention_days * 24)
            self._prune_at_s = now_s + _PRUNE_EVERY_S


_Row = tuple[Cost, list[Key]]


def _admitted(fold: Fold) -> dict[Key, _Row]:
    """What may be kept, by what it is a row of; the rest goes from the sketch to ``fold.excluded``."""
    classifier = Classifier(fold.options.rules)
    rows: dict[Key, _Row] = {}
    refused: list[Key] = []
    for key, cost in fold.sketch.costs.items():
        page = _page(classifier, key)
        if isinstance(page, str):
            fold.excluded[key.hour, page] += cost.hits
            refused.append(key)
            continue
        total, sources = rows.setdefault(page, (Cost(), []))
        total.merge(cost)
        sources.append(key)
    if fold.sketch.forgotten:
        hour = max((key.hour for key in rows), default=0)
        fold.excluded[hour, "rare"] += fold.sketch.forgotten
        fold.sketch.forgotten = 0
    fold.sketch.discard(refused)
    return rows


def _page(classifier: Classifier, key: Key) -> Key | str:
    """The key with host and URL as manifests hold them, or the rule that keeps it out."""
    host = canonical_host(key.host.encode("ascii", "replace"))
    if not 0 < len(host) <= _MAX_HOST_CHARS:
        return "host"
    allowed = settings.ALLOWED_HOSTS or [".localhost", "127.0.0.1", "[::1]"] * settings.DEBUG
    if not validate_host(split_domain_port(host)[0], allowed):
        return "host"
    found = classifier.classify(host.encode(), key.url.encode())
    return found if isinstance(found, str) else key._replace(host=host, url=found.url)


def _batches(rows: dict[Key, _Row]) -> Iterator[list[tuple[Key, _Row]]]:
    items = sorted(rows.items(), key=lambda item: item[1][0].hits, reverse=True)  # the heavy ones first, come what may
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _traffic_row(key: Key, cost: Cost) -> ObservedTraffic:
    return ObservedTraffic(
        digest=_digest(key.hour, key.host, key.url, *key.variant),
        hour=key.hour,
        host=key.host,
        url=key.url,
        route=cost.route[:500],
        urlconf=cost.urlconf[:200],
        **key.variant._asdict(),
        cold_hits=cost.cold_hits,
        cold_ms=cost.cold_s * 1000,
        warm_hits=cost.warm_hits,
        warm_ms=cost.warm_s * 1000,
        signed_in_hits=cost.signed_in_hits,
    )


def _exclusion_row(hour: int, rule: str, hits: int) -> ObservedExclusion:
    return ObservedExclusion(digest=_digest(hour, rule), hour=hour, rule=rule, hits=hits)


def _digest(*parts: str | int) -> str:
    # A line feed is in none of the parts.
    return blake2b("\n".join(map(str, parts)).encode(), digest_size=16).hexdigest()
