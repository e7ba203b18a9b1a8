"""What the middleware and its recorder cost a live request: ``python -m benchmarks.live_cost``.

Two measurements of a trivial view, without the middleware, with it, with it recording as it does by default (a share,
where a process has more than a hundred requests a second), and with it recording every request:

* in one process: processor time a call, the recorder's thread included, the handlers taking turns. Once for a
  hot set of 100 URLs; once for URLs of which no two are the same, all of them saved to an SQLite file, which no cache
  could help and which cost the recorder most.
* under gunicorn, one worker that has all of them: requests a second and processor time a request, in short alternating
  runs, in several workers one after the other.

The limits are the project's own: under 30 µs for a recorded request, and at most 2 % of the throughput. A worker's
throughput is one by the processor time of a request, so the second is judged by processor time, which neighbours on
the machine disturb little: the ratio of pairs of runs, with its error.
"""

from __future__ import annotations

import argparse
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from itertools import count, cycle
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[1]
MODES = ("without", "off", "on", "all")
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
HEADERS = {
    "HTTP_HOST": "shop.example",
    "HTTP_USER_AGENT": AGENT,
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.9",
    "HTTP_COOKIE": "sessionid=k3x9w1q7z5m2b8v4n6c0l1j3h5g7f9d2; csrftoken=abcdefgh",
}
LIMIT_US = 30.0
LIMIT_SHARE = 0.02
STARTS = 6


def main() -> int:
    """Measure and print; 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3, help="length of one run under gunicorn (0.3)")
    parser.add_argument("--rounds", type=int, default=60, help="runs of each mode (60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="live-cost-") as folder:
        os.environ["LIVE_COST_DB"] = str(Path(folder) / "db.sqlite3")
        cost_us = in_process(options.rounds)
        served = under_gunicorn(options.rounds, options.seconds, Path(folder))
    share = cost_us["on"] / served.request_us
    print(
        f"of gunicorn's request: {share:.1%} by the microseconds in one process, "
        f"{served.lost:.1%} (error {served.error:.1%}) by gunicorn's own processor time"
    )
    is_good = cost_us["all"] < LIMIT_US and share <= LIMIT_SHARE and served.lost - 2 * served.error <= LIMIT_SHARE
    print(f"limits: {LIMIT_US:.0f} µs and {LIMIT_SHARE:.0%} of the throughput: {'kept' if is_good else 'EXCEEDED'}")
    return 0 if is_good else 1


def in_process(rounds: int) -> dict[str, float]:
    """Print microseconds a call; what each mode adds to a request of the hot set."""
    handlers = import_module("benchmarks.live_site").HANDLERS  # not before LIVE_COST_DB is set
    call_command("migrate", verbosity=0)
    hot = cycle([f"/p/{number}/" for number in range(100)])
    distinct = (f"/p/{number}/" for number in count(1000))
    added: dict[str, dict[str, float]] = {}
    for name, paths, must_save in (("100 URLs", hot, False), ("distinct URLs, each of them saved", distinct, True)):
        runs: dict[str, list[float]] = {mode: [] for mode in MODES}
        for number in range(rounds):
            for mode in in_turn(MODES, number):
                runs[mode].append(
                    microseconds_a_call(handlers[mode], paths, must_save=must_save and mode in ("on", "all"))
                )
        more = {
            mode: statistics.median(one - base for one, base in zip(runs[mode], runs["without"], strict=True))
            for mode in MODES[1:]
        }
        base = statistics.median(runs["without"])
        shown = ", ".join(f"{mode} {cost_us:+.1f} µs" for mode, cost_us in more.items())
        print(f"in one process, {name}: {base:.1f} µs a request; {shown}")
        added[name] = more
    return added["100 URLs"]


def in_turn(modes: Iterable[str], number: int) -> list[str]:
    """Forwards and backwards by turns: a machine that grows busier is so for both ends alike."""
    return list(modes)[:: 1 if number % 2 else -1]


def microseconds_a_call(handler: Any, paths: Iterator[str], *, must_save: bool, calls: int = 2000) -> float:
    """Processor time of the whole process, all threads, for one call; neighbours on the machine do not enter it."""
    environs = [
        {**HEADERS, "REQUEST_METHOD": "GET", "PATH_INFO": next(paths), "QUERY_STRING": "", "SCRIPT_NAME": "",
         "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.input": BytesIO(), "wsgi.url_scheme": "http"}
        for _ in range(calls)
    ]  # fmt: skip
    started_s = time.process_time()
    for environ in environs:
        handler(environ, _ignore).close()
    if must_save:
        import_module("django_hooks.traffic.recorder").recorder.flush(60)
    return (time.process_time() - started_s) / calls * 1e6


def _ignore(*_start_response: Any) -> Callable[[bytes], None]:
    return lambda _body: None


class Served(NamedTuple):
    """What gunicorn's worker needed."""

    request_us: float
    """Processor time of a request without the middleware."""
    lost: float
    """Share of the throughput that recording costs, by processor time."""
    error: float
    """Standard error of that."""


def under_gunicorn(rounds: int, seconds: float, folder: Path) -> Served:
    """Print throughput and processor time."""
    rates: dict[str, list[float]] = {mode: [] for mode in MODES}
    cpu_us: dict[str, list[float]] = {mode: [] for mode in MODES}
    lost: list[float] = []
    for _ in range(STARTS):
        # Where the memory of a process happens to lie also matters to what is added to it: so it takes several.
        with server(folder) as (port, master):
            for mode in MODES:
                requests_in(port, mode, 0.5)  # the first requests import what the others find
            first = len(cpu_us["on"])
            for number in range(max(1, rounds // STARTS)):
                for mode in in_turn(MODES, number):
                    before_us = worker_cpu_us(master)
                    done = requests_in(port, mode, seconds)
                    rates[mode].append(done / seconds)
                    cpu_us[mode].append((worker_cpu_us(master) - before_us) / done)
            lost.append(1 - paired(cpu_us["without"][first:], cpu_us["on"][first:]))
    for mode in MODES:
        rate, cpu = statistics.median(rates[mode]), statistics.median(cpu_us[mode])
        print(
            f"gunicorn, {mode}: {rate:.0f} requests/s ({paired(rates[mode], rates['without']):.3f} of without), "
            f"{cpu:.0f} µs of processor time a request ({paired(cpu_us[mode], cpu_us['without']):.3f} of without)"
        )
    error = statistics.stdev(lost) / math.sqrt(STARTS)
    return Served(statistics.median(cpu_us["without"]), statistics.mean(lost), error)


def paired(values: list[float], base: list[float]) -> float:
    """The typical ratio of two runs that followed each other: a machine that grows busy slows both."""
    return statistics.median(one / other for one, other in zip(values, base, strict=True))


@contextmanager
def server(folder: Path) -> Iterator[tuple[int, int]]:
    """A gunicorn with one worker: its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "benchmarks.live_site", "--bind", f"127.0.0.1:{port}"]
    with (folder / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--no-control-socket", "--workers", "1"], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        deadline_s = time.monotonic() + 20
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"gunicorn does not answer:\n{(folder / 'gunicorn.log').read_text()}")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        return requests_in(port, "without", 0) == 1
    except OSError:
        return False


def requests_in(port: int, mode: str, seconds: float) -> int:
    """How many requests one client gets answered, one after the other; at least one."""
    lines = ["Connection: close", *(f"{name[5:].replace('_', '-').title()}: {text}" for name, text in HEADERS.items())]
    ending = "\r\n".join(["", *lines, f"X-Mode: {mode}", "", ""])
    until_s = time.perf_counter() + seconds
    for number in count(1):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"GET /p/{number % 100}/ HTTP/1.1{ending}".encode())
            answer = connection.recv(4096)
            while connection.recv(4096):
                pass
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"unexpected answer: {answer[:200]!r}")
        if time.perf_counter() >= until_s:
            return number
    raise AssertionError("unreachable")


def worker_cpu_us(master: int) -> float:
    """Processor time of the worker so far, all its threads; from the scheduler, which counts nanoseconds."""
    (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    tasks = Path(f"/proc/{worker}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1000


if __name__ == "__main__":
    sys.exit(main())
