"""A disk that fills up while outcomes are written to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import TOTALS, Stage


@pytest.fixture
def small_disk(stage: Stage) -> Iterator[Path]:
    """A file system with room for the first line, and not for all."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a tmpfs")
    path = stage.folder / "small"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode()[:100]}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        path.rmdir()


def test_a_disk_that_fills_up(stage: Stage, kind: str, small_disk: Path) -> None:
    stage.redis.flushall()
    outcomes = str(small_disk / "outcomes.jsonl")
    option = ["-a", f"outcomes={outcomes}"] if kind == "crawl" else ["--outcomes", outcomes]
    done = stage.finish(stage.start(kind, *option))
    assert done.code == 1, done.output[-2500:]
    assert "Traceback" not in done.output, done.output[-2500:]
    assert "No space left" in done.output
    if done.report:
        assert done.report["planned"] == sum(done.report[result] for result in TOTALS) > 0
        assert done.report["exit_code"] == 1
    assert stage.finish(stage.start(kind)).code == 0
