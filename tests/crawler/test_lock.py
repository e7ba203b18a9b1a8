"""Two runs of one environment exclude each other, whatever they were told to write where."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from crawler.lock import RunLock, lock_paths
from url_manifests.errors import AnotherRunError


def test_the_second_names_the_first(tmp_path: Path) -> None:
    first, second = (RunLock(*lock_paths("prod", tmp_path)) for _ in range(2))
    first.acquire("run 1 of 'prod'")
    with pytest.raises(AnotherRunError, match=rf"run 1 of 'prod', process {os.getpid()}; lock: .*var/warm/prod\.lock"):
        second.acquire("run 2")
    first.release()
    second.acquire("run 2")
    second.release()


def test_environments_and_directories_have_locks_of_their_own(tmp_path: Path) -> None:
    paths = [lock_paths(env, tmp_path / folder) for env in ("a", "b") for folder in ("x", "y")]
    assert len({path for pair in paths for path in pair}) == 8


def test_a_directory_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd" / "var").write_text("not a folder: whatever the rights, nothing can be made below it")
    first, second = (RunLock(*lock_paths("prod", tmp_path / "cwd")) for _ in range(2))
    first.acquire("run 1")
    with pytest.raises(AnotherRunError, match="run 1, process"):
        second.acquire("run 2")
    first.release()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic"):
        RunLock(tmp_path / "lock").acquire("run 1")
    assert (tmp_path / "precious").read_text() == "kept"
