"""A release of the example site as a real server process; the demo, the tests and the benchmarks use it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
PUBLIC_HOST = "shop.example"


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def manage(*arguments: str, env: Mapping[str, str], check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of the example's management commands in its own process.

    Raises:
        RuntimeError: with what it printed, if it failed and ``check`` is true.
    """
    command = [sys.executable, str(ROOT / "example" / "manage.py"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


@dataclass(kw_only=True)
class Deployment:
    """One running release; a context manager that stops it.

    Args:
        env: the example's settings (``EXAMPLE_*``, ``WARM_SECRET``), on top of this process's environment.
        server: ``gunicorn`` (WSGI) or ``uvicorn`` (ASGI).
        log: where the server's own output goes.
        access_log: where gunicorn writes one line a request, in the combined format.
        package: whose ``wsgi`` and ``asgi`` modules are served.
    """

    env: Mapping[str, str]
    log: Path
    server: str = "gunicorn"
    workers: int = 2
    port: int = field(default_factory=free_port)
    access_log: Path | None = None
    package: str = "example"
    _process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where it listens; visitors know it under another name."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> Sequence[str]:
        """The server's command line, as a person would type it."""
        if self.server == "uvicorn":
            options = ["--port", str(self.port), "--workers", str(self.workers), "--no-access-log", "--lifespan", "off"]
            return [sys.executable, "-m", "uvicorn", f"{self.package}.asgi:application", *options]
        # Two servers of one user collide at gunicorn's control socket in the home folder.
        options = ["--bind", f"127.0.0.1:{self.port}", "--workers", str(self.workers), "--no-control-socket"]
        if self.access_log:
            # Behind a proxy the client's address and the public host come in headers, as they do here.
            options += ["--access-logfile", str(self.access_log)]
        return [sys.executable, "-m", "gunicorn", f"{self.package}.wsgi", *options]

    def start(self, ready_timeout_s: float = 30.0) -> Self:
        """Start the server and wait until its health check answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; with the end of its log.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, env={**os.environ, **self.env}, stdout=output, stderr=output
            )
        deadline_s = time.monotonic() + ready_timeout_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                tail = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.package} does not answer at {self.base_url}; its log ends:\n{tail}")
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        request = urllib.request.Request(f"{self.base_url}/healthz/", headers={"Host": PUBLIC_HOST})
        try:
            with urllib.request.urlopen(request, timeout=2):
                return True
        except urllib.error.HTTPError:
            return True  # It answers; what it answers is for the caller to judge.
        except OSError:
            return False

    def stop(self) -> None:
        """Stop the server and wait for its end; does nothing when it is not running."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
