"""Lines a second and peak memory: ours, goaccess and a plain Python ``re`` loop, on one log in one run.

Run with ``python -m benchmarks.log_speed [LINES] [PAGES]``. Memory is that of a whole process tree.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.generated_log import write_log

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


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds, and peak megabytes."""
    started, peak_kb = time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with contextlib.suppress(OSError):  # a process ended between two looks
            peak_kb = max(peak_kb, sum(map(pss_kb, tree(process.pid))))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - started, peak_kb / 1024


def main(lines: int = 1_000_000, pages: int = 50_000) -> None:
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "access.log"
        write_log(log, range(2), lines // 2, pages, drift=0.0)
        commands = {
            "url_manifests build": [sys.executable, "-m", "url_manifests", "build", str(log), "-o", f"{name}/m", "-q"],
            "plain re loop": [sys.executable, "-c", PLAIN, str(log)],
        }
        if goaccess := shutil.which("goaccess"):
            commands["goaccess"] = [
                goaccess,
                str(log),
                "--log-format=COMBINED",
                "-o",
                f"{name}/r.json",
                "--no-progress",
            ]
        found = {what: measure(command) for what, command in commands.items()}
        ours = found["url_manifests build"][0]
        for what, (seconds, megabytes) in found.items():
            print(
                f"{what:22} {lines / seconds:12,.0f} lines/s {megabytes:7.0f} MB  {seconds / ours:6.2f} times our time"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
