"""Every row under its primary key, streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from django_hooks.warmers import CacheEntry, register

from .models import Row

CHUNK = 2000


@register("streamed", timeout=3600)
def streamed() -> Iterator[CacheEntry]:
    for pk, text in Row.objects.values_list("pk", "text").iterator(chunk_size=CHUNK):
        yield CacheEntry(key=f"row:{pk}", value=text)


@register("awaited", timeout=3600, priority=-1)
async def awaited() -> AsyncIterator[CacheEntry]:
    # Not values_list(): Django runs its query in the loop itself, and refuses that.
    async for row in Row.objects.values("pk", "text").aiterator(chunk_size=CHUNK):
        yield CacheEntry(key=f"row:{row['pk']}", value=row["text"])
