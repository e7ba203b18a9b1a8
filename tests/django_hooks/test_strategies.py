"""A strategy says what is warmed, in which order and how; a mistake in one is named before anything runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.core.cache import cache

from django_hooks import strategies, usage
from django_hooks.checks import check_cache_warming
from django_hooks.models import ObservedTraffic
from django_hooks.narrowing import Part, Purse, share_of, through
from django_hooks.strategies import Budget, Strategy
from django_hooks.warmers import CacheEntry, Registry, Warmer, register
from url_manifests.errors import ConfigurationError

from .commands import command


def declare(settings, **declared):
    settings.CACHE_WARMING = {**getattr(settings, "CACHE_WARMING", {}), "STRATEGIES": declared}


def warmer(name, keys=(), **attributes):
    declared = {"name": name, **attributes, "entries": lambda self: (CacheEntry(key=key, value=1) for key in keys)}
    return type("Made", (Warmer,), declared)()


def registry(*warmers):
    made = Registry()
    for one in warmers:
        made.add(one)
    return made


def names(chosen):
    return [one.name for one in chosen]


def test_a_strategy_is_read_with_sizes_and_budgets(settings):
    budgets = {"rows": {"seconds": 5, "keys": 10, "bytes": "2M"}}
    declare(settings, night={"only": ["rows"], "budgets": budgets, "max_memory": "1.5G", "deadline": 60})
    read = strategies.read("night")
    assert (read.only, read.deadline, read.max_memory) == (("rows",), 60, 1.5 * 1024**3)
    assert read.budgets == {"rows": Budget(seconds=5, keys=10, bytes=2 * 1024**2)}
    assert Strategy.from_document(json.loads(json.dumps(read.document()))) == read


def test_the_built_in_ones_can_be_changed_field_by_field(settings):
    declare(settings, deploy={"deadline": 5})
    assert (strategies.read("deploy").deadline, strategies.read("deploy").usage) == (5, "traffic")
    assert strategies.names() == ["deploy", "nightly"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([], "['s'] must be a dict, is list"),
        ({"moode": "sync"}, "'moode' is unknown; did you mean 'mode'?"),
        ({"mode": "fast"}, "['s']['mode'] must be one of sync, async, tasks, is 'fast'"),
        ({"deadline": 0}, "must be seconds above 0, is 0"),
        ({"deadline": "1h"}, "must be a number, is '1h'"),
        ({"only": "rows"}, "must be a list of names, is 'rows'"),
        ({"only": [1]}, "must be text, is 1"),
        ({"refresh": 1}, "must be True or False, is 1"),
        ({"max_memory": "lots"}, "must be bytes, or a size such as 512M, is 'lots'"),
        ({"concurrency": 0}, "must be a whole number above 0, is 0"),
        ({"retries": -1}, "must be a whole number from 0, is -1"),
        ({"require_coverage": 2}, "must be from 0 to 1, is 2"),
        ({"budgets": []}, "must be a dict of dicts, is []"),
        ({"budgets": {"rows": {"hours": 1}}}, "'rows' must be a dict of seconds, keys and bytes"),
        ({"fresh_for": -1}, "must be seconds from 0, is -1"),
        ({"fresh_for": float("inf")}, "must be a number, is inf"),
    ],
)
def test_a_mistake_is_a_system_check(settings, wrong, words):
    declare(settings, s=wrong)
    found = [message for message in check_cache_warming() if message.id == "cache_warming.E012"]
    assert len(found) == 1
    assert words in found[0].msg
    with pytest.raises(ConfigurationError):
        strategies.read("s")


def test_a_name_that_is_no_text_is_a_system_check(settings):
    settings.CACHE_WARMING = {"STRATEGIES": {5: {}}}
    (found,) = [message for message in check_cache_warming() if message.id == "cache_warming.E012"]
    assert found.msg == "CACHE_WARMING['STRATEGIES'][5] must be named by text."


def test_an_unknown_name_suggests_the_nearest(own, settings):
    assert command(strategy="nigthly")[::2] == (2, "--strategy: 'nigthly' is unknown; did you mean 'nightly'?")
    declare(settings, s={"budgets": {"sesions": {"keys": 1}}})
    code, _, error = command(strategy="s")
    assert (code, error) == (
        2,
        "CACHE_WARMING['STRATEGIES']['s']['budgets']: 'sesions' is unknown; did you mean 'sessions'?",
    )


def test_the_order_is_the_strategys_and_dependencies_go_first():
    made = registry(
        warmer("total", category="computed", depends_on=["a row"]), warmer("a row", category="rows"), warmer("menu")
    )
    assert names(strategies.choose(made, Strategy(only=("total", "rows")))) == ["a row", "total"]
    assert names(strategies.choose(made, Strategy(only=("menu", "computed")))) == ["menu", "total"]
    assert names(strategies.choose(made, Strategy(exclude=("rows",)), only=["total", "rows"])) == ["total"]


def test_a_circle_is_named():
    made = registry(warmer("a", depends_on=["b"]), warmer("b", depends_on=["a"]))
    with pytest.raises(ConfigurationError, match="a -> b -> a"):
        strategies.choose(made, Strategy())


def test_an_unknown_warmer_in_a_strategy_is_refused():
    with pytest.raises(ConfigurationError, match="'b' is unknown"):
        strategies.choose(registry(warmer("a")), Strategy(only=("b",)))


def test_parts_are_disjoint_and_together_everything():
    whole = warmer("w", [str(number) for number in range(500)])
    parts = [[entry.key for entry in through(whole, Part(part, 3)).entries()] for part in range(3)]
    assert sorted(key for part in parts for key in part) == sorted(entry.key for entry in whole.entries())
    assert min(map(len, parts)) > 100


def test_what_is_no_entry_is_reported_by_one_part_only():
    broken = warmer("w")
    vars(broken)["entries"] = lambda: iter([object(), CacheEntry(key=7, value=1)])
    assert [len(list(through(broken, Part(part, 4)).entries())) for part in range(4)] == [2, 0, 0, 0]


def test_a_budget_ends_a_warmer_and_says_so(own, settings):
    declare(settings, s={"budgets": {"numbers": {"keys": 2}}})
    code, out, _ = command(strategy="s", only=["numbers"])
    assert (code, out.splitlines()) == (
        3,
        [
            "3 entries: 2 stored, 1 skipped; coverage 0.667: partial",
            "  1 budget: numbers:* (the rest of this warmer: its budget of keys is spent)",
        ],
    )
    declare(settings, s={"budgets": {"numbers": {"keys": 3}}})
    assert command(strategy="s", only=["numbers"])[1].startswith("3 entries: 2 already_warm, 1 stored; coverage 1.000")


def test_a_category_shares_its_budget(own, settings):
    @register("more", category="computed", priority=2)
    def more():
        yield CacheEntry(key="m", value=1)

    declare(settings, s={"budgets": {"computed": {"keys": 2}}, "exclude": ["broken"]})
    assert command(strategy="s")[1].startswith("3 entries: 2 stored, 1 skipped")


def test_time_and_bytes_can_run_out():
    seconds = iter([0.0, 1.0, 5.0])
    purse = Purse(Budget(seconds=5), clock=lambda: next(seconds))
    assert [purse.admit(1), purse.admit(1), purse.spent] == [1, None, "seconds"]
    purse = Purse(Budget(bytes=10))
    purse.charge(9)
    assert purse.admit(1)
    purse.charge(1)
    assert [purse.admit(1), purse.spent] == [None, "bytes"]


def test_a_shared_budget_is_split_to_the_last_key():
    assert [share_of(Budget(keys=10), part, 4).keys for part in range(4)] == [3, 3, 2, 2]


def test_what_visitors_asked_for_most_goes_first(own):
    for name in ("rarely", "often"):
        register(type(name, (Warmer,), {"name": name, "routes": [f"{name}/*"], "entries": lambda self: []}))
    hour = int(datetime.now(UTC).timestamp() // 3600)
    rows = [("1", hour, "often/<int:pk>/", 5), ("2", hour, "rarely/x", 1), ("3", hour - 24 * 15, "rarely/x", 99)]
    for digest, at, route, hits in rows:
        ObservedTraffic.objects.create(digest=digest, hour=at, url="/", route=route, cold_hits=hits, warm_hits=1)
    assert usage.requests_by_route() == {"often/<int:pk>/": 6, "rarely/x": 2}
    lines = command("--strategy", "deploy", "--dry-run", exclude=["numbers"])[1].splitlines()
    assert [line.partition(":")[0] for line in lines if "entries" in line] == ["often", "rarely", "broken"]


def test_keys_that_a_crawl_saw_read_go_first(own, settings, tmp_path):
    outcomes = tmp_path / "outcomes.jsonl"
    head = {"format": "warming-outcomes", "version": 1, "run_id": "r", "env": "t"}
    line = {"url": "/", "result": "stored", "weight": 9, "keys": [["default", "n2", "f", "stored"]]}
    outcomes.write_text(f"{json.dumps(head)}\n{json.dumps(line)}\n")
    declare(settings, s={"usage": str(outcomes), "budgets": {"numbers": {"keys": 2}}})
    # 9 reads of n2 and one of n0 are warm, one of n1 is not: its budget is spent.
    assert "coverage 0.909: ok" in command(strategy="s", only=["numbers"])[1]
    assert sorted(cache.get_many(["n0", "n1", "n2"])) == ["n0", "n2"]


@pytest.mark.parametrize("backend", ["db", "locmem"], indirect=True)
def test_what_a_run_did_not_read_back_is_read_back_afterwards(own, tmp_path, backend):
    path = str(tmp_path / "outcomes.jsonl")
    assert command(only=["numbers"], outcomes=path, verify="none")[0] == 3
    code, out, _ = command(verify_only=path)
    assert "  3 that the run had left unverified were looked for\n" in out
    if backend == "locmem":
        assert (code, "3 private-store" in out) == (3, True)
        return
    assert (code, out.startswith("3 entries: 3 stored; coverage 1.000: ok\n")) == (0, True)
    assert command(cross_check=path)[1].startswith("3 entries: 3 unverifiable")
    cache.delete("n1")
    code, out, _ = command(verify_only=path)
    assert (code, "missing: default n1 of numbers:n1" in out) == (4, True)
    assert command(verify_only=path, require_coverage=0.6)[0] == 0


def test_a_run_can_be_checked_afterwards(own, tmp_path):
    path = str(tmp_path / "outcomes.jsonl")
    assert command(only=["numbers"], outcomes=path)[0] == 0
    assert command(verify_only=path)[1] == "3 entries: 3 stored; coverage 1.000: ok\n"
    cache.delete("n1")
    code, out, error = command(verify_only=path)
    assert (code, "missing: default n1 of numbers:n1" in out) == (4, True)
    assert error.startswith("1 of 3 keys that were reported as warm are gone")
    assert command(verify_only=path, only=["numbers"])[::2] == (
        2,
        "--only: has no meaning with --verify-only, which only reads",
    )
