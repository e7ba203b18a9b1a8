"""``manage.py warm_cache --preflight``: would a run be of use here, and do no harm? Asked before a deploy.

The system checks read settings; this also asks: each cache for an answer, in time and with room, the database for a
connection, and the manifest whether it is one of this site. Nothing is warmed, and what is written is taken away again.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote

from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.cache.backends.db import BaseDatabaseCache
from django.core.checks import ERROR, CheckMessage, run_checks
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http.request import split_domain_port, validate_host
from django.urls import Resolver404, resolve

from url_manifests.errors import CacheWarmingError
from url_manifests.manifest import ManifestReader

from . import killswitch, stores, strategies
from .backends import Room, open_store
from .deployment_checks import check_deployment
from .warmers.registry import project_warmers

ANSWERS_WITHIN_S: Final = 3.0
SLOW_S: Final = 0.05
"""A page of some dozen cache calls would take longer from such a cache than most take to render."""
KEYS_A_PAGE: Final = 2
"""Django keeps a page under two keys: the list of headers that it varies on, and itself."""
LEAST_ENTRY_BYTES: Final = 512
"""Even an empty page, pickled with its headers, is about as large."""
UNKNOWN_PAGES: Final = 0.1
"""Such a share of the manifest's requests may be for pages that this release does not have."""


class State(StrEnum):
    """What one finding means."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    state: State
    what: str
    detail: str


def preflight(manifest: str = "") -> Iterator[Finding]:
    """All findings, one after the other.

    Args:
        manifest: a manifest's path, or empty to leave it out.
    """
    yield from _checks()
    yield from _warmers()
    yield _kill_switch()
    yield _database()
    rooms: dict[str, Room] = {}
    for alias in settings.CACHES:
        finding = _cache(alias)
        yield finding
        if finding.state is not State.FAIL:
            with closing(open_store(alias)) as store:
                rooms[alias] = store.room()
            yield Finding(State.OK, f"room in {alias}", _described(rooms[alias]))
    if manifest:
        yield from _manifest(manifest, rooms)


def _checks() -> Iterator[Finding]:
    messages: list[CheckMessage] = [*run_checks(tags=["caches"]), *check_deployment()]
    own = [message for message in messages if (message.id or "").startswith("cache_warming.")]
    for message in own:
        state = State.FAIL if message.level >= ERROR else State.WARN
        yield Finding(state, str(message.id), f"{message.msg} {message.hint or ''}".strip())
    if not own:
        yield Finding(State.OK, "system checks", "none has anything to say")


def _warmers() -> Iterator[Finding]:
    try:
        registry = project_warmers()
        for name in strategies.names():
            strategies.choose(registry, strategies.read(name))
    except CacheWarmingError as error:
        yield Finding(State.FAIL, "warmers", str(error))
        return
    for module, problem in registry.broken.items():
        yield Finding(State.FAIL, "warmers", f"{module} is broken: {problem}")
    if not registry.broken:
        yield Finding(State.OK, "warmers", f"{len(list(registry))} found")


def _kill_switch() -> Finding:
    why = killswitch.stop_requested()
    return Finding(State.FAIL if why else State.OK, "kill switch", f"is on: {why}" if why else "is off")


def _database() -> Finding:
    started_s = time.monotonic()
    try:
        connections[DEFAULT_DB_ALIAS].ensure_connection()
    except Error as error:
        return Finding(State.FAIL, "database", stores.describe(error))
    return Finding(State.OK, "database", f"connects in {_ms(time.monotonic() - started_s)}")


def _cache(alias: str) -> Finding:
    what = f"cache {alias}"
    found = _in_time(lambda: _closing(alias, _round_trip), is_local=_is_in_database(alias))
    if isinstance(found, Exception):
        return Finding(State.FAIL, what, stores.describe(found))
    if found is None:
        return Finding(State.FAIL, what, f"no answer within {ANSWERS_WITHIN_S:g} s")
    if found < 0:
        is_private = stores.keeps_to_itself(caches[alias])
        detail = "keeps nothing" if is_private else "does not give back what it was given"
        return Finding(State.WARN if is_private else State.FAIL, what, detail)
    if stores.keeps_to_itself(caches[alias]):
        return Finding(State.WARN, what, "lives in one process: what is warmed there cannot be verified")
    state = State.WARN if found > SLOW_S else State.OK
    return Finding(state, what, f"writes, reads back and deletes in {_ms(found)}")


def _closing(alias: str, ask: Callable[[BaseCache], float]) -> float:
    """Ask this thread's own connection, and close it: nobody else would."""
    cache = caches[alias]
    try:
        return ask(cache)
    finally:
        cache.close()


def _round_trip(cache: BaseCache) -> float:
    """Seconds for a value to be written, read and taken away; below 0 when it was not there."""
    key, value = f"cache_warming:preflight:{uuid.uuid4().hex}", uuid.uuid4().hex
    started_s = time.monotonic()
    cache.set(key, value, 60)
    is_kept = cache.get(key) == value
    cache.delete(key)
    return time.monotonic() - started_s if is_kept else -1.0


def _is_in_database(alias: str) -> bool:
    return isinstance(caches[alias], BaseDatabaseCache)


def _in_time(ask: Callable[[], float], *, is_local: bool) -> float | Exception | None:
    """What ``ask`` gives or raises, or ``None`` when it takes too long: some clients wait for ever.

    Args:
        is_local: ask in this thread, whose database connection a cache in the database needs; that has its own limits.
    """
    found: list[float | Exception] = []

    def run() -> None:
        try:
            found.append(ask())
        except Exception as error:  # noqa: BLE001 - whatever a backend raises is what there is to say of it
            found.append(error)

    if is_local:
        run()
    else:
        thread = threading.Thread(target=run, daemon=True, name="cache-warming-preflight")
        thread.start()
        thread.join(ANSWERS_WITHIN_S)
    return found[0] if found else None


def _described(room: Room) -> str:
    """What a store can still take, in words."""
    left = [
        *([f"{room.entries_left:.0f} entries"] if math.isfinite(room.entries_left) else []),
        *([f"{room.bytes_left / 2**20:.0f} MiB"] if math.isfinite(room.bytes_left) else []),
    ]
    return f"{' and '.join(left)} left ({room.limit})" if left else "no limit that could be seen"


def _manifest(path: str, rooms: dict[str, Room]) -> Iterator[Finding]:
    count = _Count()
    try:
        for entry in ManifestReader(path):
            count.add(entry)
    except CacheWarmingError as error:
        yield Finding(State.FAIL, "manifest", str(error))
        return
    yield Finding(State.OK, "manifest", f"{count.entries} entries, {count.requests} requests in all variants")
    if count.strangers:
        names = ", ".join(sorted(count.strangers)[:5])
        yield Finding(State.FAIL, "manifest", f"hosts that ALLOWED_HOSTS does not hold: {names}")
    share = count.unknown_hits / count.hits if count.hits else 0.0
    state = State.WARN if share > UNKNOWN_PAGES else State.OK
    example = f", such as {count.unknown_example}" if count.unknown_example else ""
    yield Finding(state, "manifest", f"{share:.1%} of its requests are for pages that no URL pattern takes{example}")
    if (alias := settings.CACHE_MIDDLEWARE_ALIAS) in rooms:
        yield _fits(alias, rooms[alias], count.requests * KEYS_A_PAGE)


def _fits(alias: str, room: Room, keys: int) -> Finding:
    """Whether the pages alone have room where Django keeps pages; their fragments come on top of it."""
    is_enough = keys <= room.entries_left and keys * LEAST_ENTRY_BYTES <= room.bytes_left
    detail = f"the manifest's pages need {keys} entries, {_described(room)}"
    return Finding(State.OK if is_enough else State.FAIL, f"room in {alias}", detail)


class _Count:
    """What is in a manifest, in bounded memory."""

    def __init__(self) -> None:
        self.entries = self.requests = self.hits = self.unknown_hits = 0
        self.unknown_example = ""
        self.strangers: set[str] = set()

    def add(self, entry: Any) -> None:
        self.entries += 1
        self.requests += max(len(entry.variants), 1)
        self.hits += entry.hits
        if entry.host and len(self.strangers) < 100 and not _is_allowed(entry.host):
            self.strangers.add(entry.host)
        if not _is_known(entry.url):
            self.unknown_hits += entry.hits
            self.unknown_example = self.unknown_example or entry.url


def _is_allowed(host: str) -> bool:
    return validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)


def _is_known(url: str) -> bool:
    with suppress(Resolver404):
        resolve(unquote(url.partition("?")[0]))
        return True
    return False


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
