"""One run of ``warm_cache`` at a time: on this machine, and on any other that shares a cache or the database.

On one machine it is the operating system's lock on an open file (``flock``): the kernel lets it go when the process
ends, however it ends. Across machines it is a lease (`django_hooks.leases`) that a heartbeat renews. A killed run's
lease is taken over at once by the next run that gets the same file's lock, since that proves the holder dead; on
another machine it has to run out first, which takes `LOCK_TTL_S`.

A lease can be lost while its holder lives: a process that was stopped for minutes, a network that was cut. The
heartbeat finds the new holder, and the run that lost it ends (`RunGuard.check`).
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.cache import caches
from django.db import Error as DatabaseError
from django.db import connections

from url_manifests.errors import AnotherRunError, ConfigurationError

from . import conf, stores
from .leases import CacheLease, DatabaseLease, Holder, Lease, LeaseUnusableError, Renewable, file_identity

logger = logging.getLogger(__name__)

_BEATS_PER_TTL: Final = 4
"""Three beats may fail before the lock is anybody's."""


class RunGuard:
    """The lock as its holder sees it: renewed by a thread, and asked now and then whether it is still ours."""

    def __init__(self, leases: Sequence[Renewable], ttl_s: float, longest_s: float = math.inf) -> None:
        self._leases = leases
        self._interval_s = min(ttl_s / _BEATS_PER_TTL, longest_s)
        self._ended = threading.Event()
        self._successor = ""
        self.on_beat: list[Callable[[], None]] = []
        """Called with each heartbeat, in its thread; an exception is logged, and asked again at the next."""

    def check(self) -> None:
        """Go on only while the lock is ours.

        Raises:
            AnotherRunError: somebody else has it meanwhile.
        """
        if self._successor:
            raise AnotherRunError(f"the lock was lost to {self._successor}; run again when that run is done")

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Renew while the block runs."""
        thread = threading.Thread(target=self._beat, name="cache-warming-lock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(self._interval_s)

    def _beat(self) -> None:
        while not self._ended.wait(self._interval_s):
            for lease in self._leases:
                self._renew(lease)
            for callback in self.on_beat:
                try:
                    callback()
                except Exception:
                    logger.exception("cache_warming.heartbeat_failed")
            connections.close_all()  # This thread's own; the next beat may be minutes away, or the last.
            caches.close_all()

    def _renew(self, lease: Renewable) -> None:
        try:
            successor = lease.renew()
        except Exception as error:  # noqa: BLE001 - a store that does not answer tells nobody else anything either
            logger.warning(
                "cache_warming.lock_not_renewed", extra={"lease": type(lease).__name__, "error": stores.describe(error)}
            )
            return
        if successor is not None and not self._ended.is_set():
            logger.error("cache_warming.lock_lost", extra={"holder": str(successor)})
            self._successor = str(successor)


@contextmanager
def single_run() -> Iterator[RunGuard]:
    """Hold the lock while the block runs.

    Raises:
        AnotherRunError: another run holds it; names its process.
        ConfigurationError: the file cannot be opened.
    """
    ttl_s = conf.get("LOCK_TTL_S")
    with _file_lock() as handle:
        holder = Holder(file=file_identity(handle))
        taken = list[Lease]()
        try:
            for lease in _leases(holder, ttl_s):
                if _take(lease):
                    taken.append(lease)
            guard = RunGuard(taken, ttl_s)
            with guard.beating():
                yield guard
        finally:
            for lease in taken:
                # It runs out by itself; and why the block ended matters more than this.
                with suppress(Exception):
                    lease.give_back()


def _leases(holder: Holder, ttl_s: float) -> Iterator[Lease]:
    yield CacheLease(conf.get("LOCK_CACHE"), holder, ttl_s)
    yield DatabaseLease(scope(), holder, ttl_s)


def scope() -> str:
    """What the rows of one database tell runs apart by: the environment, and where in the caches each writes."""
    prefixes = sorted((alias, str(options.get("KEY_PREFIX", ""))) for alias, options in settings.CACHES.items())
    return hashlib.sha256(repr((conf.get("ENV"), prefixes)).encode()).hexdigest()[:32]


def _take(lease: Lease) -> bool:
    try:
        lease.take()
    except AnotherRunError:
        raise
    except (LeaseUnusableError, DatabaseError) as error:
        problem = stores.describe(error)
    except Exception as error:  # noqa: BLE001 - a cache that does not answer may raise anything; the others hold
        problem = stores.describe(error)
    else:
        return True
    logger.info("cache_warming.lease_unusable", extra={"lease": type(lease).__name__, "problem": problem})
    return False


@contextmanager
def _file_lock() -> Iterator[int]:
    path = lock_path()
    try:
        # The name in the temporary folder can be guessed, so a link that somebody put there is not followed.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(conf.setting_path("LOCK_FILE"), f"cannot open {path}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            raise AnotherRunError(f"another warm_cache is under way (process {holder or 'unknown'})") from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield handle
    finally:
        os.close(handle)  # The file stays: removing it would let a third run lock a new one beside a waiting second.


def lock_path() -> Path:
    """``LOCK_FILE``, or a file in the temporary folder that is this project's: the same caches and database."""
    if configured := conf.get("LOCK_FILE"):
        return Path(configured)
    locations = [(o.get("BACKEND"), str(o.get("LOCATION")), o.get("KEY_PREFIX")) for o in settings.CACHES.values()]
    databases = [(o.get("HOST"), str(o.get("NAME"))) for o in settings.DATABASES.values()]
    digest = hashlib.sha256(repr((locations, databases)).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"warm-cache-{os.getuid()}-{digest}.lock"
