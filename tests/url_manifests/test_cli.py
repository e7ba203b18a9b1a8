"""The command line as people and pipelines use it: in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.url_manifests.lines import IPHONE, combined


def run(folder, *arguments, stdin=b""):
    command = [sys.executable, "-m", "url_manifests", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    lines = [combined("/a/")] * 3 + [combined("/b/", agent=IPHONE)] + ["broken"]
    (tmp_path / "access.log").write_text("\n".join(lines) + "\n")
    (tmp_path / "odd.log").write_text("neither fish nor fowl\n" * 5)
    assert run(tmp_path, "build", "access.log", "-o", "new/m.jsonl", "-q") == (0, "", "")
    return tmp_path


def test_standard_output_takes_a_manifest(folder):
    code, text, _ = run(folder, "build", "access.log", "-o", "/dev/stdout", "-q")
    assert (code, [json.loads(line).get("url", "") for line in text.splitlines()]) == (0, ["", "/a/", "/b/"])


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(folder):
    code, text, problem = run(folder, "build", "access.log", "-o", "/dev/full", "-q")
    assert (code, text, problem) == (1, "", "error: input/output: No space left on device\n")


def test_build_prints_what_became_of_the_lines(folder):
    code, out, err = run(folder, "build", "access.log", "-o", "m.jsonl")
    assert (code, err) == (0, "")
    assert "combined" in out
    assert "rejected, unrecognised: broken" in out
    assert "m.jsonl: 2 of 2 pages, 100.0% of the expected requests" in out


def test_a_log_without_pages_does_not_read_like_a_success(folder):
    (folder / "static.log").write_text(combined("/static/app.js") + "\n")
    code, out, _ = run(folder, "build", "static.log", "-o", "none.jsonl")
    assert code == 0
    assert "none.jsonl: no pages, for the reasons above; a crawl of it refuses to start" in " ".join(out.split())


def test_standard_input(folder):
    code, _, _ = run(folder, "build", "-", "-o", "m.jsonl", stdin=(folder / "access.log").read_bytes())
    assert code == 0
    text = (folder / "m.jsonl").read_text()
    assert '{"name": "stdin", "format": "combined", "lines": 5}' in text


def test_standard_output(folder):
    """By its device; what is printed for people stays away with -q."""
    code, out, err = run(folder, "build", "access.log", "-q", "-o", "/dev/stdout")
    assert (code, err) == (0, "")
    assert out == (folder / "new" / "m.jsonl").read_text()


def test_show_check_merge_diff_forecast(folder):
    m = "new/m.jsonl"
    assert "/a/" in run(folder, "show", m)[1]
    assert run(folder, "check", m)[1] == f"{m}: sound, 2 entries, 4 hits\n"
    assert run(folder, "merge", m, m, "-o", "mm.jsonl")[1] == "mm.jsonl: 2 entries\n"
    assert "2 moved" in run(folder, "diff", m, "mm.jsonl")[1] or "0 entered" in run(folder, "diff", m, "mm.jsonl")[1]
    assert "100.0%" in run(folder, "forecast", m, "access.log")[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["build", "access.log", "-o", "-"], "for standard output: -q -o /dev/stdout"),
        (["build", "none.log", "-o", "m.jsonl"], "no file matches 'none.log'"),
        (["build", "odd.log", "-o", "m.jsonl"], "no known log format fits"),
        (["build", "access.log", "-o", "m.jsonl", "--max-rejects", "0.1"], "1 of 5 lines were rejected"),
        (["build", "access.log", "-o", "m.jsonl", "--format", "combind"], "did you mean 'combined'"),
        (["build", "access.log", "-o", "m.jsonl", "--exclude-address", "x"], "--exclude-address"),
        (["build", "access.log", "-o", "m.jsonl", "--rules", "none.toml"], "none.toml: cannot be read"),
        (["build", "access.log", "-o", "m.jsonl", "--coverage", "2"], "no share"),
        (["show", "none.jsonl"], "none.jsonl: cannot be read"),
        (["check", "access.log"], "is not JSON"),
        (["check", "new/m.jsonl", "--max-age-days", "1"], "field 'window.end'"),
        ([], "required"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(folder, arguments, problem):
    code, _, err = run(folder, *arguments)
    assert code == 2
    assert problem in err
    assert "Traceback" not in err
    assert not (folder / "m.jsonl").exists()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('{"url": "/logout/", "hits": 1}', "line 2, field 'url': unsafe:logout"),
        ('{"url": "/?token=abcdef", "hits": 1}', "line 2, field 'url': secret:parameter-name"),
        ('{"url": "/a/", "hits": 1}\n{"url": "/a/", "hits": 1}', "line 3, field 'url': repeats line 2"),
    ],
)
def test_check_names_unsafe_entries_and_duplicates(folder, entry, problem):
    number = entry.count("\n") + 1
    head = f'{{"format": "url-manifest", "version": 1, "entries": {number}}}'
    (folder / "m.jsonl").write_text(f"{head}\n{entry}\n")
    code, _, err = run(folder, "check", "m.jsonl")
    assert code == 2
    assert problem in err
    assert "abcdef" not in err


def test_a_reader_that_has_seen_enough_is_no_error(folder):
    command = f"{sys.executable} -m url_manifests show new/m.jsonl | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
