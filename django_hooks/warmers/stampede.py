"""Get or compute, so that many readers who miss at once make one of them compute.

The one is whose ``cache.add`` of a lock key succeeds. The others look again and again for the value; when the lock is
free before it came (its holder raised, or died and the lock expired), one of them takes over. Nobody waits longer than
the lock may live: a reader whose patience ends computes for itself, which is slow and never wrong. Where a lock can
neither be had nor be seen there is no holder to wait for: a client that hides its errors says so of a dead server.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from django.core.cache import BaseCache, caches

from .base import Timeout, backend_timeout

R = TypeVar("R")

_ABSENT: Final = object()
"""Tells a miss from a stored ``None``."""

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.25
_LOOKS_FOR_A_HOLDER: Final = 3
"""In a row, before it is believed that there is none; a holder may have left between the attempt and the look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where one value is kept."""

    key: str
    alias: str
    version: int | None
    timeout: Timeout
    lock_s: float
    """How long its computing may take before somebody else begins; 0 is no lock."""

    @property
    def cache(self) -> BaseCache:
        return caches[self.alias]

    @property
    def lock_key(self) -> str:
        return f"{self.key}:lock"

    @property
    def lock_timeout(self) -> int:
        # Whole seconds, and at least one: some backends round down, and a timeout of 0 deletes.
        return math.ceil(self.lock_s)

    def read(self) -> Any:
        """The stored value, which may be ``None``, or `_ABSENT`."""
        return self.cache.get(self.key, _ABSENT, version=self.version)

    async def aread(self) -> Any:
        return await self.cache.aget(self.key, _ABSENT, version=self.version)

    def store(self, value: Any) -> None:
        self.cache.set(self.key, value, timeout=backend_timeout(self.timeout), version=self.version)

    async def astore(self, value: Any) -> None:
        await self.cache.aset(self.key, value, timeout=backend_timeout(self.timeout), version=self.version)


def get_or_compute(slot: Slot, compute: Callable[[], R]) -> R:
    """The stored value, or what ``compute`` gives, which is then stored. Errors of ``compute`` are raised."""
    if (found := slot.read()) is not _ABSENT:
        return cast("R", found)
    token = secrets.token_hex(8)
    unseen = 0
    for pause_s in _pauses(slot.lock_s):
        if slot.cache.add(slot.lock_key, token, timeout=slot.lock_timeout, version=slot.version):
            try:
                # Between the miss and the lock, the last holder may have come to its end.
                return cast("R", found) if (found := slot.read()) is not _ABSENT else _compute(slot, compute)
            finally:
                _release(slot, token)
        unseen = 0 if slot.cache.get(slot.lock_key, version=slot.version) else unseen + 1
        if unseen >= _LOOKS_FOR_A_HOLDER:
            break
        time.sleep(pause_s)
        if (found := slot.read()) is not _ABSENT:
            return cast("R", found)
    return _compute(slot, compute)


async def aget_or_compute(slot: Slot, compute: Callable[[], Awaitable[R]]) -> R:
    """The same on an event loop."""
    if (found := await slot.aread()) is not _ABSENT:
        return cast("R", found)
    token = secrets.token_hex(8)
    unseen = 0
    for pause_s in _pauses(slot.lock_s):
        if await slot.cache.aadd(slot.lock_key, token, timeout=slot.lock_timeout, version=slot.version):
            try:
                found = await slot.aread()
                return cast("R", found) if found is not _ABSENT else await _acompute(slot, compute)
            finally:
                await _arelease(slot, token)
        unseen = 0 if await slot.cache.aget(slot.lock_key, version=slot.version) else unseen + 1
        if unseen >= _LOOKS_FOR_A_HOLDER:
            break
        await asyncio.sleep(pause_s)
        if (found := await slot.aread()) is not _ABSENT:
            return cast("R", found)
    return await _acompute(slot, compute)


def _pauses(patience_s: float) -> Iterator[float]:
    """Seconds to wait between two looks, growing, until the patience is at its end."""
    ends_at = time.monotonic() + patience_s
    pause_s = _FIRST_PAUSE_S
    while (left_s := ends_at - time.monotonic()) > 0:
        yield min(pause_s, left_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def _compute(slot: Slot, compute: Callable[[], R]) -> R:
    value = compute()
    slot.store(value)
    return value


async def _acompute(slot: Slot, compute: Callable[[], Awaitable[R]]) -> R:
    value = await compute()
    await slot.astore(value)
    return value


def _release(slot: Slot, token: str) -> None:
    # Whoever took longer than the lock lives must not end its successor's.
    if slot.cache.get(slot.lock_key, version=slot.version) == token:
        slot.cache.delete(slot.lock_key, version=slot.version)


async def _arelease(slot: Slot, token: str) -> None:
    if await slot.cache.aget(slot.lock_key, version=slot.version) == token:
        await slot.cache.adelete(slot.lock_key, version=slot.version)
