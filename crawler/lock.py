"""One run for each environment at a time, on one machine: a file that the kernel unlocks when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from url_manifests.errors import AnotherRunError


class RunLock:
    """Holds ``path`` locked from `acquire` to `release`, or to the end of the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: IO[str] | None = None

    def acquire(self, holder: str) -> None:
        """Take the lock and note in the file who has it.

        Raises:
            AnotherRunError: it is taken; the message names the holder.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        stream = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115 - the lock lasts as long as the file is open
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            found = stream.read(200).strip() or "unknown"
            stream.close()
            raise AnotherRunError(
                f"another run is under way ({found}; lock: {self._path}); wait for it, or stop it first"
            ) from error
        # The file is never removed: whoever opened it before the removal would lock a file that nobody else sees.
        stream.truncate(0)
        stream.write(f"{holder}, process {os.getpid()}\n")
        stream.flush()
        self._stream = stream

    def release(self) -> None:
        if self._stream:
            self._stream.close()
            self._stream = None
