"""Real servers for the tests, on free ports in temporary folders, ended with the session.

``python -m tests.servers`` makes sure that the programs are there: it looks on PATH and where Debian hides them, else
installs them with apt when it runs as root, else says what to install and leaves with 1.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.deployment import free_port

PACKAGES = {
    "redis-server": "redis-server",
    "memcached": "memcached",
    "postgres": "postgresql",
    "chromium": "chromium",
    "nginx": "nginx",
}
"""Program → Debian package that brings it."""

_ELSEWHERE = {
    "postgres": "/usr/lib/postgresql/*/bin/postgres",
    "chromium": "/usr/bin/chromium-browser",
    "nginx": "/usr/sbin/nginx",
}


def find(program: str) -> str | None:
    """The path of a program, or ``None``."""
    if found := shutil.which(program):
        return found
    pattern = _ELSEWHERE.get(program, "")
    matches = sorted(Path("/").glob(pattern.lstrip("/"))) if pattern else []
    return str(matches[-1]) if matches else None


def require(program: str) -> str:
    """The path of a program.

    Raises:
        RuntimeError: it is missing; with what to install.
    """
    if path := find(program):
        return path
    raise RuntimeError(f"{program} is missing: install the package {PACKAGES[program]}, or run `make test` as root")


def ensure() -> int:
    """Install what is missing where that is possible; 0 when all is there."""
    missing = [package for program, package in PACKAGES.items() if find(program) is None]
    if not missing:
        return 0
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"The tests talk to real servers. Please install: {', '.join(missing)}", file=sys.stderr)
        print(f"On Debian or Ubuntu: sudo {' '.join(command)}", file=sys.stderr)
        return 1
    print(f"Installing {', '.join(missing)}", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "--quiet"], command):
        done = subprocess.run(step, env=env, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            print(f"{' '.join(step)} ended with {done.returncode}", file=sys.stderr)
            return 1
    return 0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    host: str
    port: int
    url: str
    pid: int


@contextmanager
def running(command: list[str], port: int, url: str, log: Path, user: str | None = None) -> Iterator[Server]:
    """Run a server until the block ends; entered when its port accepts connections.

    Raises:
        RuntimeError: it ended, or did not listen within 20 s; with its output.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, user=user, cwd=log.parent)
    try:
        deadline_s = time.monotonic() + 20
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"{command[0]} does not listen:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield Server(host="127.0.0.1", port=port, url=url, pid=process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def redis(folder: Path, *options: str) -> Iterator[Server]:
    """A Redis without persistence."""
    port = free_port()
    command = [require("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running([*command, *options], port, f"redis://127.0.0.1:{port}/0", folder / "redis.log") as server:
        yield server


@contextmanager
def memcached(folder: Path, *options: str) -> Iterator[Server]:
    """A Memcached with its defaults: 64 MB, items up to 1 MB."""
    port = free_port()
    # Started as root it wants to know whom to become.
    user = ["-u", "root"] if os.geteuid() == 0 else []
    command = [require("memcached"), "-l", "127.0.0.1", "-p", str(port), "-U", "0", *user, *options]
    with running(command, port, f"memcached://127.0.0.1:{port}", folder / "memcached.log") as server:
        yield server


@contextmanager
def postgres(folder: Path, *options: str) -> Iterator[Server]:
    """A PostgreSQL with one database, ``postgres``, and no password."""
    port = free_port()
    binaries = Path(require("postgres")).resolve().parent  # initdb lies beside it, often not on PATH
    # PostgreSQL refuses to run as root; its package brings an account for it.
    user = "postgres" if os.geteuid() == 0 else None
    data = folder / "data"
    data.mkdir()
    if user:
        for path in (*folder.parents[: len(folder.parents) - 2], folder):
            path.chmod(path.stat().st_mode | 0o011)
        shutil.chown(data, user)
        shutil.chown(folder, user)
    initialise = [str(binaries / "initdb"), "--auth=trust", "--username=postgres", "--no-sync", "-D", str(data)]
    subprocess.run(initialise, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    # Sockets in the temporary folder could exceed the length that a path of a socket may have.
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-k", "", "-c", "fsync=off", *options]
    url = f"postgres://postgres@127.0.0.1:{port}/postgres"
    with running(command, port, url, folder / "postgres.log", user) as server:
        yield server


_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    proxy_temp_path {folder}/proxy;
    proxy_cache_path {folder}/cache keys_zone=shared:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
            proxy_set_header Host $http_host;
            {location}
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, upstream: str, location: str = "") -> Iterator[Server]:
    """An nginx before ``upstream``; ``location`` adds to its configuration; the cache zone is ``shared``."""
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    settings = _NGINX.format(folder=folder, port=port, upstream=upstream, location=location, user=user)
    (folder / "nginx.conf").write_text(settings)
    command = [require("nginx"), "-p", str(folder), "-e", "error.log", "-c", "nginx.conf"]
    with running(command, port, f"http://127.0.0.1:{port}", folder / "nginx.log") as server:
        yield server


if __name__ == "__main__":
    sys.exit(ensure())
