"""The command as a pipeline runs it: lines, reports, exit codes, and two at once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache

from django_hooks.lock import single_run
from django_hooks.warmers import CacheEntry, register, registry
from url_manifests.reasons import REASONS

from .commands import command
from .tickets import SECRET

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_says_what_it_did_and_what_not(own, tmp_path):
    report = tmp_path / "report.json"
    code, out, error = command("--report", str(report))
    assert (code, error) == (3, "coverage 0.750 is below the required 0.9")
    assert out.splitlines() == [
        "4 entries: 3 stored, 1 failed; coverage 0.750: partial",
        "  1 compute-failed: broken:bad (ZeroDivisionError: division by zero)",
    ]
    document = json.loads(report.read_text())
    assert (document["env"], document["outcome"], document["exit_code"], document["planned"]) == (
        "test",
        "partial",
        3,
        4,
    )
    assert (document["stored"], document["failed"], document["coverage"]) == (3, 1, 0.75)
    assert document["reasons"].keys() <= REASONS.keys()


def test_a_second_run_has_nothing_to_do(own):
    assert command(only=["numbers"])[1] == "3 entries: 3 stored; coverage 1.000: ok\n"
    assert command(only=["numbers"])[1] == "3 entries: 3 already_warm; coverage 1.000: ok\n"
    assert command(only=["numbers"], refresh=True)[1] == "3 entries: 3 stored; coverage 1.000: ok\n"


def test_less_can_be_enough(own):
    assert command("--require-coverage", "0.75")[0] == 0


def test_keys_can_be_chosen(own):
    assert command("--key", "n[01]")[1].startswith("2 entries: 2 stored")


def test_a_dry_run_prints_and_touches_nothing(own):
    code, out, _ = command("--dry-run")
    assert (code, out.splitlines()) == (
        0,
        [
            *(f"numbers:n{number} alias=default timeout=60" for number in range(3)),
            "numbers: 3 entries, 3 to be computed",
            "broken:bad alias=default timeout=None",
            "broken: 1 entries, 1 to be computed",
        ],
    )
    assert cache.get_many(["n0", "n1", "n2"]) == {}


def test_a_dry_run_estimates_by_the_last_run_that_wrote(own):
    @register("rows", category="rows")
    def rows():
        yield from (CacheEntry(key=f"r{pk}", value="x" * 100) for pk in Group.objects.values_list("pk", flat=True))

    Group.objects.create(name="one")
    command("--only", "numbers")
    command("--only", "numbers")
    lines = command("--dry-run", exclude=["broken"])[1].splitlines()
    assert re.fullmatch(
        r"numbers: 3 entries, 3 to be computed: about \d{3} bytes and [1-9]\d* queries, by the last run", lines[3]
    )
    assert lines[5] == "rows: 1 entries, 115 bytes, 1 queries to list them"


class Unweighable:
    def __reduce__(self):
        raise RuntimeError("not today")


def test_a_dry_run_says_which_values_have_no_size(own):
    @register("odd", category="rows")
    def odd():
        yield CacheEntry(key="plain", value="x" * 100)
        yield from (CacheEntry(key=f"odd{number}", value=Unweighable()) for number in range(2))

    line = command("--dry-run", "--only", "odd")[1].splitlines()[-1]
    assert line == "odd: 3 entries, 115 bytes, 2 without a size (RuntimeError: not today)"


def test_list_names_warmers_and_fragments(own):
    own.broken["shop.warmers"] = "ImportError: x"
    lines = command("--list")[1].splitlines()
    assert lines[:5] == [
        "numbers category=computed priority=1",
        "broken category=computed priority=0",
        "shop.warmers is broken: ImportError: x",
        "strategy deploy: numbers broken",
        "strategy nightly: numbers broken",
    ]
    assert "fragment category_menu in base.html: LANGUAGE_CODE" in lines


def test_a_broken_module_is_in_the_report(own):
    own.broken["shop.warmers"] = "ImportError: x"
    assert "1 warmer-broken: shop.warmers:* (ImportError: x)" in command()[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": ["numbres"]}, "--only: 'numbres' is unknown; did you mean 'numbers'?"),
        ({"dry_run": True, "report": "x"}, "--report: there is nothing to report"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(own, options, words):
    code, _, error = command(**options)
    assert (code, words in error, "\n" in error) == (2, True, False)


@pytest.mark.parametrize("share", [1.5, -0.1])
def test_a_wrong_share_in_settings_is_exit_code_2(own, settings, share):
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "REQUIRE_COVERAGE": share}
    assert command()[0] == 2


@pytest.mark.parametrize(
    "args", [["--require-coverage", "1.01"], ["--require-coverage", "x"], ["--deadline", "0"], ["--deadline", "soon"]]
)
def test_a_wrong_argument_is_refused(own, args):
    code, _, error = command(*args)
    assert (code, error.startswith(f"Error: argument {args[0]}")) == (1, True)


def test_a_report_that_cannot_be_written_is_one_line(own, tmp_path):
    (tmp_path / "file").touch()
    code, _, error = command("--only", "numbers", "--report", str(tmp_path / "file" / "report.json"))
    assert (code, error.startswith("--report: cannot write")) == (1, True)


@pytest.mark.parametrize("path", ["/dev/full", "file/outcomes"])
def test_nor_can_outcomes(own, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    code, out, error = command("--only", "numbers", "--outcomes", path)
    assert (code, out, error.startswith(f"--outcomes: cannot write {path}: "), "\n" in error) == (1, "", True, False)


@pytest.fixture
def obeyed_interrupt():
    """A test run in the background of a shell inherits that Ctrl-C is ignored."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("obeyed_interrupt")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_with_a_true_report(own, tmp_path, number):
    @register("stopped", priority=-1)
    def stopped():
        yield CacheEntry(key="k", compute=lambda: os.kill(os.getpid(), number) or time.sleep(5))

    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)]
    report = tmp_path / "report.json"
    code, _, error = command("--report", str(report), exclude=["broken"])
    assert (code, error.startswith("stopped by a signal")) == (5, True)
    document = json.loads(report.read_text())
    assert (document["outcome"], document["exit_code"], document["stored"]) == ("protected", 5, 3)
    assert (document["skipped"], document["examples"]["stopped"]) == (1, ["stopped:* (the rest of this warmer)"])
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)] == before
    with single_run():
        pass


@pytest.mark.usefixtures("obeyed_interrupt")
def test_what_nohup_ignores_is_ignored(own):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    register("hung-up", timeout=60)(lambda: [CacheEntry(key="k", compute=lambda: os.kill(os.getpid(), signal.SIGHUP))])
    assert command("--only", "hung-up")[0] == 0


def test_nothing_to_warm_is_fine(monkeypatch, own):
    monkeypatch.setattr(registry, "_warmers", {})
    assert command()[:2] == (0, "0 entries; coverage 1.000: ok\n")


@pytest.fixture
def shop(seeded_database, tmp_path):
    """Environment of the example's own commands, with a database cache."""
    import shutil

    database = shutil.copy(seeded_database, tmp_path / "shop.sqlite3")
    return {
        **os.environ,
        "EXAMPLE_DB": str(database),
        "EXAMPLE_CACHE": "db",
        "WARM_SECRET": SECRET,
        "DJANGO_SETTINGS_MODULE": "example.settings",
    }


def manage(env, *args):
    return subprocess.run(
        [sys.executable, "-m", "django", *args], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_examples_dashboard_and_menus_are_warmed_in_a_process_of_their_own(shop, tmp_path):
    first = manage(shop, "warm_cache", "--report", str(tmp_path / "report.json"))
    assert (first.returncode, first.stdout) == (0, "369 entries: 369 stored; coverage 1.000: ok\n")
    second = manage(shop, "warm_cache")
    assert (second.returncode, second.stdout) == (0, "369 entries: 369 already_warm; coverage 1.000: ok\n")
    unknown = manage(shop, "warm_cache", "--only", "dashbord")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.splitlines() == ["CommandError: --only: 'dashbord' is unknown; did you mean 'dashboard'?"]
    wrong = manage(shop, "warm_cache", "--require-coverage", "1.01")
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines()[-1].endswith("error: argument --require-coverage: must be from 0 to 1, is 1.01")
