"""Lines a second and peak memory: ours, goaccess and a plain Python ``re`` loop, on one log in one run.

Run with ``python -m benchmarks.log_speed [LINES] [PAGES] [ZIPF]``. Memory is that of a whole process tree. Beside the
wall clock stand the seconds of processor time a million lines, which other programs on the machine disturb less.

``python -m benchmarks.log_speed --distinct [LINES] [PAGES]`` measures ours alone on ten million lines that really hold
three million different URLs, and fails when they hold fewer or when memory passes 400 MB. It needs some 5 GB in the
folder for temporary files (``TMPDIR``) and removes them.

``python -m benchmarks.log_speed --peak [LINES] [PAGES]`` measures ours alone, on a log and on one of twice the lines
with the same URLs: memory must not grow with the lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.generated_log import Site, write_log

LIMIT_MB = 400
BYTES_A_LINE = 500
"""On the disk: the line itself, and what workers and DuckDB write of it."""

PLAIN = r"""
import re, sys
pattern = re.compile(rb'(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d{3}) (\S+) "([^"]*)" "([^"]*)"')
counts = {}
for line in open(sys.argv[1], "rb"):
    if match := pattern.match(line):
        counts[match[5]] = counts.get(match[5], 0) + 1
"""


def tree(pid: int) -> list[int]:
    children = [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return [pid, *(found for child in children for found in tree(int(child)))]


def pss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(command: list[str]) -> tuple[float, float, float]:
    """Seconds, seconds of processor time, and peak megabytes."""
    started, cpu_s, peak_kb = time.monotonic(), children_cpu_s(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with contextlib.suppress(OSError):  # a process ended between two looks
            peak_kb = max(peak_kb, sum(map(pss_kb, tree(process.pid))))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - started, children_cpu_s() - cpu_s, peak_kb / 1024


def our_build(log: Path, manifest: Path) -> list[str]:
    return [sys.executable, "-m", "url_manifests", "build", str(log), "-o", str(manifest), "-q"]


def read_distinct(lines: int = 10_000_000, pages: int = 3_000_000) -> None:
    """Nearly every line a row of its own: what counting holds in memory must have an end."""
    with temporary_folder(lines) as folder:
        log, manifest = folder / "access.log", folder / "m"
        # Every page on both days, and four in a hundred more: some of the lines are errors, posts and bots.
        write_log(log, range(2), lines // 2, Site(pages=pages * 104 // 100, visits_each=1))
        seconds, cpu_s, megabytes = measure(our_build(log, manifest))
        distinct = distinct_pages(manifest)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(
        f"{lines:,} lines, {distinct:,} different URLs: {lines / seconds:,.0f} lines/s, "
        f"{cpu_s / lines * 1e6:.2f} s CPU a million, peak {megabytes:.0f} MB"
    )
    if distinct < pages or megabytes > LIMIT_MB:
        raise SystemExit(f"expected at least {pages:,} URLs and at most {LIMIT_MB} MB")


def distinct_pages(manifest: Path) -> int:
    with manifest.open("rb") as stream:
        return int(json.loads(stream.readline())["totals"]["pages"])


@contextlib.contextmanager
def temporary_folder(lines: int) -> Iterator[Path]:
    """A folder for a log of so many lines and what counting writes; removed also when the run is ended by a signal."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="log-speed-") as name:
        needed, free = lines * BYTES_A_LINE, shutil.disk_usage(name).free
        if free < needed:
            raise SystemExit(f"{name} has {free >> 20} MB, {needed >> 20} are needed; set TMPDIR")
        yield Path(name)


def compare_peaks(lines: int = 2_000_000, pages: int = 100_000) -> None:
    """All pages are equally popular, so that already the shorter log holds nearly all of them."""
    peaks = []
    for number in (lines, 2 * lines):
        with temporary_folder(number) as folder:
            log, manifest = folder / "access.log", folder / "m"
            write_log(log, range(2), number // 2, Site(pages=pages, zipf=0.0, drift=0.0))
            _, cpu_s, megabytes = measure(our_build(log, manifest))
            distinct = distinct_pages(manifest)
        peaks.append(megabytes)
        print(f"{number:12,} lines  {distinct:9,} URLs  {cpu_s:6.1f} s CPU  {megabytes:6.1f} MB", flush=True)
    print(f"twice the lines: {peaks[1] / peaks[0] - 1:+.1%} memory")


def main(lines: int = 2_000_000, pages: int = 200_000, zipf: float = 1.0) -> None:
    with temporary_folder(lines) as folder:
        log = folder / "access.log"
        write_log(log, range(2), lines // 2, Site(pages=pages, zipf=zipf, drift=0.0))
        commands = {
            "url_manifests build": our_build(log, folder / "m"),
            "plain re loop": [sys.executable, "-c", PLAIN, str(log)],
        }
        if goaccess := shutil.which("goaccess"):
            report = str(folder / "r.json")
            commands["goaccess"] = [goaccess, str(log), "--log-format=COMBINED", "-o", report, "--no-progress"]
        found = {what: measure(command) for what, command in commands.items()}
        ours = found["url_manifests build"][0]
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        for what, (seconds, cpu_s, megabytes) in found.items():
            print(
                f"{what:22} {lines / seconds:10,.0f} lines/s  {cpu_s / lines * 1e6:6.2f} s CPU a million"
                f" {megabytes:6.0f} MB  {seconds / ours:6.2f} times our time",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        compare_peaks(*map(int, sys.argv[2:4]))
    elif sys.argv[1:2] == ["--distinct"]:
        read_distinct(*map(int, sys.argv[2:4]))
    else:
        main(*map(int, sys.argv[1:3]), *map(float, sys.argv[3:4]))
