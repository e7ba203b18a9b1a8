"""One run for each environment at a time, on one machine: a file that the kernel unlocks when its holder dies.

`crawler.lease` does the same for all machines, where the site can.

The file's place depends on the environment's name and the directory that a run is started in, and on nothing that an
argument could change: two runs exclude each other wherever they write their reports.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO, Final

from url_manifests.errors import AnotherRunError

_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def lock_paths(env: str, directory: Path) -> tuple[Path, Path]:
    """Where the lock of an environment lies, and where when that directory cannot be written."""
    digest = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:16]
    elsewhere = Path(tempfile.gettempdir()) / f"django-cache-warming-{digest}-{env}.lock"
    return directory / "var" / "warm" / f"{env}.lock", elsewhere


class RunLock:
    """Holds the first of ``paths`` that can be opened locked from `acquire` to `release`, or to the process's end."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._stream: IO[bytes] | None = None

    def acquire(self, holder: str) -> None:
        """Take the lock and note in the file who has it.

        Raises:
            AnotherRunError: it is taken; the message names the holder.
            OSError: none of the files can be opened.
        """
        path, stream = self._open()
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            found = stream.read(200).decode("utf-8", "replace").strip() or "unknown"
            stream.close()
            raise AnotherRunError(
                f"another run is under way ({found}; lock: {path}); wait for it, or stop it first"
            ) from error
        # The file is never removed: whoever opened it before the removal would lock a file that nobody else sees.
        if stream.writable():
            stream.truncate(0)
            stream.write(f"{holder}, process {os.getpid()}\n".encode())
            stream.flush()
        self._stream = stream

    def _open(self) -> tuple[Path, IO[bytes]]:
        for path in self._paths[:-1]:
            try:
                return path, _open_file(path)
            except OSError:
                continue  # a directory that cannot be written, or a file system without locks
        return self._paths[-1], _open_file(self._paths[-1])

    @property
    def identity(self) -> str:
        """One name for the locked file among those of all machines and boots; empty where there is none.

        Whoever has it locked proves that an earlier holder of the same file is dead.
        """
        if self._stream is None or not (boot := _boot()):
            return ""
        status = os.fstat(self._stream.fileno())
        return hashlib.sha256(f"{boot}:{status.st_dev}:{status.st_ino}".encode()).hexdigest()[:32]

    def release(self) -> None:
        if self._stream:
            self._stream.close()
            self._stream = None


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""  # Not Linux: no two processes are taken for neighbours.


def _open_file(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o644), "r+b", buffering=0)
    except OSError:
        # Another user's file can be locked by whoever may read it.
        return os.fdopen(os.open(path, os.O_RDONLY | _FLAGS), "rb", buffering=0)
