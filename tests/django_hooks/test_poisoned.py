"""What costs its own entry, never the run: half characters, exits, cancellations, errors that cannot be printed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from django_hooks import stores
from django_hooks.models import WarmRun
from django_hooks.warmers import CacheEntry, KeyBatch, Warmer, cached, register
from django_hooks.warmers.registry import Registry

from .commands import command
from .conftest import SHARED

ROOT = Path(__file__).resolve().parents[2]
HALF = "half-\ud800"


async def cancelled():
    raise asyncio.CancelledError


async def cancels_itself():
    asyncio.current_task().cancel()
    await asyncio.sleep(1)


async def leaves():
    sys.exit(3)


async def times_out():
    raise TimeoutError


def leaves_at_once():
    sys.exit(3)


class UnprintableError(Exception):
    def __str__(self):
        raise ValueError("not to be told")


def unprintable():
    raise UnprintableError


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    ("compute", "words"),
    [
        (cancelled, "CancelledError"),
        (cancels_itself, "CancelledError"),
        (leaves, "SystemExit: 3"),
        (leaves_at_once, "SystemExit: 3"),
        (times_out, "TimeoutError"),
        (unprintable, "UnprintableError"),
    ],
)
def test_whatever_a_value_raises_is_its_own_failure(own, mode, compute, words):
    register("odd", timeout=60, priority=9)(lambda: [CacheEntry(key="k", compute=compute)])
    code, out, _ = command("--only", "odd", "--only", "numbers", "--mode", mode)
    assert (code, f"1 compute-failed: odd:k ({words})" in out, "3 stored" in out) == (3, True, True)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("compute", [cancelled, cancels_itself, leaves])
def test_so_it_is_of_cached_functions(own, mode, compute):
    @cached("odd", timeout=60, priority=9)
    async def odd():
        return await compute()

    code, out, _ = command("--only", "odd", "--only", "numbers", "--mode", mode)
    assert (code, "1 compute-failed: odd:odd" in out, "3 stored" in out) == (3, True, True)


@pytest.mark.parametrize("place", ["entries", "key_batches", "compute_many", "outdated", "changed_meanwhile", "count"])
@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError])
def test_no_part_of_a_warmer_ends_the_run(own, place, error):
    class Odd(Warmer):
        name, timeout, computes_in_bulk, priority = "odd", 60, True, 9

        def entries(self):
            yield CacheEntry(key="k", source=1)

        def compute_many(self, entries):
            return {entry.key: 1 for entry in entries}

    def fail(*args):
        raise error

    setattr(Odd, place, fail)
    register(Odd)
    for _ in range(2):
        code, out, _ = command("--only", "odd", "--only", "numbers")
        assert (code in (0, 3), out.startswith(("4 entries: 4", "4 entries: 3", "3 entries"))) == (True, True)


def test_a_module_that_exits_while_it_is_imported_is_a_finding(monkeypatch, tmp_path):
    (tmp_path / "leaving_warmers.py").write_text("import sys; sys.exit(4)")
    monkeypatch.syspath_prepend(tmp_path)
    found = Registry()
    found._import("leaving_warmers")
    assert found.broken == {"leaving_warmers": "SystemExit: 4"}


def test_an_interrupt_is_still_meant_for_the_run(own):
    def interrupt():
        raise KeyboardInterrupt

    register("odd", timeout=60, priority=9)(lambda: [CacheEntry(key="k", compute=interrupt)])
    code, out, error = command()
    assert (code, "stopped by a signal" in error, "stopped" in out) == (5, True, True)


def halves(*, in_batches):
    keys = ["one", HALF, "two"]
    entries = [CacheEntry(key=key, value=1) for key in keys]
    attributes = {"name": "halves", "timeout": 60, "entries": lambda self: entries}
    if in_batches:
        attributes["key_batches"] = lambda self: [KeyBatch(keys=keys, make=lambda: entries)]
    register(type("Halves", (Warmer,), attributes))


@pytest.mark.parametrize("backend", [*SHARED, "locmem"], indirect=True)
@pytest.mark.parametrize("in_batches", [False, True])
def test_half_a_character_is_a_bad_entry_whatever_the_backend(own, backend, tmp_path, in_batches):
    halves(in_batches=in_batches)
    files = {name: str(tmp_path / name) for name in ("report", "html", "outcomes")}
    assert "halves:half-\\ud800 failed: bad-entry" in command("--dry-run", only=["halves"])[1]
    code, out, _ = command(only=["halves"], **files)
    assert (code, "1 bad-entry: halves:half-\\ud800 (half of a surrogate pair" in out) == (3, True)
    assert json.loads((tmp_path / "report").read_text())["failed"] == 1
    assert len((tmp_path / "outcomes").read_text().splitlines()) == 4
    assert WarmRun.objects.get().failed == 1
    assert command(only=["halves"])[1].startswith("3 entries: ")


def test_texts_that_cannot_be_written_are_escaped_and_kept(own, tmp_path):
    def fail():
        raise ValueError(HALF + "\0")

    register("odd", timeout=60)(lambda: [CacheEntry(key="nul\0", value=1), CacheEntry(key="k", compute=fail)])
    path = tmp_path / "outcomes"
    assert "ValueError: half-\\ud800" in command(only=["odd"], outcomes=str(path))[1]
    assert "no key with NUL" in command(only=["odd"])[1]
    assert "up to 255 letters" not in path.read_text()
    assert WarmRun.objects.count() == 2
    assert "\\u0000" not in json.dumps([run.report for run in WarmRun.objects.all()])


@pytest.mark.parametrize("args", [("--dry-run",), ()])
def test_a_terminal_without_the_signs_gets_escapes(tmp_path, args):
    """In a process of its own: what matters is the encoding of standard output."""
    (tmp_path / "signs.py").write_text(PROJECT)
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "DJANGO_SETTINGS_MODULE": "signs", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", "import signs; signs.run()", *args]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if args else 3)
    assert "\\u043a" in done.stdout
    assert "Traceback" not in done.stderr


PROJECT = """
import sys
import django
from django.core.management import execute_from_command_line

SECRET_KEY = "x" * 50
INSTALLED_APPS = ["django_hooks"]
SILENCED_SYSTEM_CHECKS = [f"cache_warming.W{number:03}" for number in range(99)]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": __file__ + ".d"}}
CACHE_WARMING = {"HISTORY_DAYS": 0, "LOCK_FILE": __file__ + ".lock"}


PROGRESS = "none"


def run():
    django.setup()
    from django_hooks.warmers import CacheEntry, register

    @register("signs", timeout=60)
    def signs():
        for number in range(int(sys.argv[2]) if len(sys.argv) > 2 else 1):
            yield CacheEntry(key=f"\\u043a{number}", compute=lambda: 1 / 0)

    execute_from_command_line(["manage.py", "warm_cache", "--progress", PROGRESS, *sys.argv[1:2]])
"""


def test_a_terminal_that_is_closed_ends_the_run_with_a_report_and_its_exit_code(tmp_path):
    (tmp_path / "signs.py").write_text(
        PROJECT.replace("1 / 0", "__import__('time').sleep(0.05)").replace('"none"', '"bar"')
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "signs", "PYTHONPATH": f"{tmp_path}:{ROOT}", "TERM": "xterm"}
    report = tmp_path / "report.json"
    command = [sys.executable, "-c", "import signs; signs.run()", f"--report={report}", "1000"]
    leader, terminal = os.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    attach = (
        "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    start = [sys.executable, "-c", attach, *command]
    with subprocess.Popen(start, env=env, **streams, start_new_session=True) as process:
        os.close(terminal)
        while not (tmp_path / "signs.py.d").exists() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(0.5)
        os.close(leader)
        assert process.wait(20) == 5
    assert json.loads(report.read_text())["outcome"] == "protected"


def test_nobody_has_to_read_to_the_end(tmp_path):
    (tmp_path / "signs.py").write_text(PROJECT)
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "signs", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", "import signs; signs.run()", "--dry-run", "100000"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout.readline().startswith("signs:к0".encode())
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_what_cannot_be_told_is_named_all_the_same():
    assert stores.describe(UnprintableError()) == "UnprintableError"
    assert stores.describe(ValueError("a\ud800\n b")) == "ValueError: a\\ud800 b"


def test_keys_for_which_a_batch_gives_no_entry_or_anothers_are_named(own):
    entries = {key: CacheEntry(key=key, value=1) for key in ("one", "two", "three", "other")}

    def batch(given):
        attributes = {
            "name": "odd",
            "timeout": 60,
            "key_batches": lambda self: [
                KeyBatch(keys=["one", "two", "three"], make=lambda: [entries[key] for key in given])
            ],
        }
        own._warmers.pop("odd", None)
        register(type("Odd", (Warmer,), attributes))
        return command(only=["odd"])[1]

    said = batch(["one"])
    assert "2 bad-entry: odd:two (make() gave no entry for it), odd:three (make() gave no entry for it)" in said
    said = batch(["one", "other", "three"])
    assert "1 bad-entry: odd:two (make() gave another key's entry in its place)" in said
    assert said.startswith("3 entries: 1 already_warm, 1 stored, 1 failed")
