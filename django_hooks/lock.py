"""One run of ``warm_cache`` at a time: a lock that dies with whoever holds it.

It is the operating system's lock on an open file (``flock``), not an entry in a cache: the kernel lets it go when the
process ends, however it ends, so there is no time to live to guess, no heartbeat to miss, and no lock of a killed run
to clear away. A cache could forget such a lock by culling, and a LocMem or Dummy could not hold it at all. Its limit:
it is of one machine. Two machines that share a cache do each other no harm, since keys that are there are left alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from url_manifests.errors import AnotherRunError, ConfigurationError

from . import conf


@contextmanager
def single_run() -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises:
        AnotherRunError: another run holds it; names its process.
        ConfigurationError: the file cannot be opened.
    """
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
        yield
    finally:
        os.close(handle)  # The file stays: removing it would let a third run lock a new one beside a waiting second.


def lock_path() -> Path:
    """``LOCK_FILE``, or a file in the temporary folder that is this project's: the same caches and database."""
    if configured := conf.get("LOCK_FILE"):
        return Path(configured)
    stores = [(o.get("BACKEND"), str(o.get("LOCATION")), o.get("KEY_PREFIX")) for o in settings.CACHES.values()]
    databases = [(o.get("HOST"), str(o.get("NAME"))) for o in settings.DATABASES.values()]
    digest = hashlib.sha256(repr((stores, databases)).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"warm-cache-{os.getuid()}-{digest}.lock"
