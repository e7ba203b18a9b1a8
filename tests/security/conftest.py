"""A project whose crawl is watched: every connection and look-up of the process is written down, and a trap listens."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.crawler.conftest import CHROME, ROOT, Project, empty_project, project, site  # noqa: F401 - fixtures

# Python tells an audit hook of every connection and every look-up that the process makes, by whatever library.
_WATCH = """
import os, sys
_log = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def _hook(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"):
        where = args[1] if event.startswith(("socket.connect", "socket.send")) else args[0]
        os.write(_log, (event + " " + repr(where) + "\\n").encode("utf-8", "replace"))
sys.addaudithook(_hook)
"""


@dataclass
class Trap:
    """Somebody else's server, on another address of this machine."""

    address: str
    port: int
    heard: list[bytes] = field(default_factory=list)

    @property
    def netloc(self) -> str:
        return f"{self.address}:{self.port}"


@pytest.fixture
def trap() -> Iterator[Trap]:
    with listening("127.0.0.2") as found:
        yield found


@contextmanager
def listening(address: str) -> Iterator[Trap]:
    """Accept whoever comes, and keep what they say."""
    server = socket.create_server((address, 0))
    trap = Trap(address, server.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(0.2)
                try:
                    trap.heard.append(connection.recv(4096))
                except TimeoutError:
                    trap.heard.append(b"")

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield trap
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@dataclass
class Watched:
    """A project, and what its crawl connects to and looks up."""

    project: Project

    def crawl(self, *arguments: str, **environ: str) -> Any:
        folder = self.project.folder / "watch"
        folder.mkdir(exist_ok=True)
        self.log.unlink(missing_ok=True)
        (folder / "sitecustomize.py").write_text(_WATCH.format(path=str(self.log)))
        return self.project.crawl(*arguments, PYTHONPATH=f"{folder}:{ROOT}", **environ)

    @property
    def log(self) -> Any:
        return self.project.folder / "watched.log"

    @property
    def seen(self) -> set[str]:
        return set(self.log.read_text().splitlines())

    def write_raw(self, *entries: dict[str, Any], profiles: dict[str, Any] | None = None) -> None:
        """A manifest that no writer of ours would write."""
        header = {
            "format": "url-manifest",
            "version": 1,
            "entries": len(entries),
            "profiles": profiles or {"chrome": CHROME},
        }
        lines = [json.dumps(line) for line in (header, *({"hits": 1, **entry} for entry in entries))]
        path = self.project.folder / "url_manifests" / "test.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def watched(project: Project) -> Watched:  # noqa: F811 - the fixture
    return Watched(project)
