"""Entries whose computing takes a while, so that there is time to interfere."""

from __future__ import annotations

import os
import time

from django_hooks.warmers import CacheEntry, register

ENTRIES = int(os.environ.get("FLEET_ENTRIES", "60"))
BYTES = int(os.environ.get("FLEET_BYTES", "0"))
PAUSE_S = float(os.environ.get("FLEET_PAUSE_S", "0"))


def slow(number: int) -> int | str:
    time.sleep(PAUSE_S)
    return f"{number:010}" * (BYTES // 10) if BYTES else number


@register("fleet", timeout=600)
def fleet():
    for number in range(ENTRIES):
        yield CacheEntry(key=f"fleet:{number}", compute=lambda number=number: slow(number))
    if "FLEET_TROUBLE" in os.environ:
        yield from (CacheEntry(key=f"fleet:{number}", value=number) for number in range(-3, 0))
        yield CacheEntry(key="fleet:broken", compute=lambda: 1 / 0)
        yield "no entry"
        raise LookupError("the end")
