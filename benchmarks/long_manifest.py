"""A manifest of a million entries: ``python -m benchmarks.long_manifest [ENTRIES [SECONDS]]``.

When does the first request leave, how much memory does the crawl take from minute to minute, and how long does a run
that is stopped write down what it did not begin? No limit on the rate, 16 requests at once, a server that costs
nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.crawl import CONCURRENCY, Server, write_project
from demo.deployment import ROOT
from url_manifests.manifest import Entry

ENTRIES: Final = 1_000_000
RUN_S: Final = 150
LOOK_EVERY_S: Final = 10


def main() -> int:
    """Measure and print; 1 when the outcomes are not those of each entry once."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    run_s = int(sys.argv[2]) if len(sys.argv) > 2 else RUN_S
    with tempfile.TemporaryDirectory() as name, Server() as server:
        folder = Path(name, "project")
        pages = [Entry(url=f"/page/{number}/", hits=1) for number in range(entries)]
        write_project(folder, server.url, pages, CONCURRENCY, server.secret)
        started_s = time.monotonic()
        process = _start(folder)
        peaks_mb = _watch(process.pid, run_s)
        first_s = server.first_at_s() - started_s
        stopped_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=600)
        print(f"first request after {first_s:.1f} s; peak after each {LOOK_EVERY_S} s, in MB: {peaks_mb}")
        print(f"the rest was written down {time.monotonic() - stopped_s:.1f} s after the signal")
        return _print_outcomes(folder / "var/warm/bench", entries)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WARM_")}
    command = [sys.executable, "-m", "scrapy", "crawl", "warm", "-a", "env=bench", "-a", "progress=none"]
    return subprocess.Popen(command, cwd=folder, env={**environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)


def _watch(pid: int, run_s: int) -> list[int]:
    peaks_mb = []
    for _ in range(run_s // LOOK_EVERY_S):
        time.sleep(LOOK_EVERY_S)
        status = Path(f"/proc/{pid}/status").read_text()
        peaks_mb.append(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
    return peaks_mb


def _print_outcomes(folder: Path, entries: int) -> int:
    report = json.loads((folder / "report.json").read_text())
    with (folder / "outcomes.jsonl").open() as lines:
        next(lines)  # the header
        urls = [json.loads(line)["url"] for line in lines]
    names = ("planned", "stored", "already_warm", "skipped", "requests_sent")
    print(", ".join(f"{name} {report[name]:,}" for name in names), f"in {len(urls):,} lines")
    return int(not len(urls) == len(set(urls)) == report["planned"] == entries)


if __name__ == "__main__":
    sys.exit(main())
