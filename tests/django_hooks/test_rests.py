"""What a run leaves out weighs as much as it is: a run that did little is never reported as warm."""

from __future__ import annotations

import json

import pytest

from django_hooks.warmers import CacheEntry, Warmer

from .commands import command


class Breaking(Warmer):
    """Breaks after five of its entries."""

    name = "breaking"
    timeout = 60

    def entries(self):
        yield from (CacheEntry(key=f"b{number}", value=number) for number in range(5))
        raise OSError("gone")


class Counted(Breaking):
    def count(self):
        return 50


class Uncountable(Breaking):
    def count(self):
        raise OSError("no such table")


def run(own, kind, *args, **options):
    own.add(kind())
    return command(*args, only=["breaking"], **options)


def test_what_is_left_of_a_warmer_that_breaks_weighs_as_much_as_it_counts(own):
    code, out, error = run(own, Counted)
    assert (code, error) == (3, "coverage 0.102 is below the required 0.9")  # 5 of 5 and the 44 that are left at least
    assert out.splitlines()[0] == "6 entries: 5 stored, 1 failed; coverage 0.102: partial"


@pytest.mark.parametrize("kind", [Breaking, Uncountable])
def test_where_nobody_knows_how_much_is_left_a_run_is_not_warm(own, kind, tmp_path):
    report = tmp_path / "report.json"
    code, _, error = run(own, kind, report=str(report), require_coverage=0.5)
    assert (code, error) == (3, "it is not known how much is left of what was not finished: breaking")
    document = json.loads(report.read_text())
    assert (document["outcome"], document["unfinished"]) == ("partial", ["breaking"])


def test_who_requires_nothing_gets_that(own):
    assert run(own, Breaking, require_coverage=0)[0] == 0


def test_of_keys_that_were_chosen_a_count_knows_nothing(own):
    assert run(own, Counted, "--key", "b*", require_coverage=0.5)[0] == 3


def test_a_deadline_is_no_excuse(own):
    class Endless(Counted):
        def entries(self):
            number = 0
            while True:
                yield CacheEntry(key=f"e{number % 7}", value=number % 7)
                number += 1

        def count(self):
            return 10**9

    code, out, _ = run(own, Endless, "--deadline", "0.5")
    assert code == 3
    assert "deadline: breaking:*" in out


def test_a_broken_module_is_never_warm(own):
    own.broken["shop.warmers"] = "ImportError: x"
    code, _, error = command(only=["numbers"], require_coverage=0.5)
    assert (code, error) == (3, "it is not known how much is left of what was not finished: shop.warmers")


def test_outcomes_have_the_weight_too(own, tmp_path):
    path = tmp_path / "outcomes.jsonl"
    run(own, Counted, outcomes=str(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["url"], line["weight"]) for line in lines if line.get("url", "").endswith(":*")] == [
        ("breaking:*", 44)
    ]


def test_a_pattern_that_matches_nothing_is_wrong_usage(own):
    code, _, error = command("--key", "nothing:*")
    assert (code, error) == (2, "--key: no key matches 'nothing:*'; --dry-run prints the keys")


def test_nothing_left_to_warm_is_wrong_usage(own):
    assert command(only=["numbers"], exclude=["numbers"])[::2] == (2, "--only and --exclude: leave nothing to warm")
