"""What a run reported as warm, against what the stores have: on real backends, and from another process's view."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.http import HttpResponse

from django_hooks.crosscheck import Tally, correct, cross_check
from django_hooks.presence import Presence, Seen, look_up
from django_hooks.recorder import PAGE_BODY_PREFIX
from django_hooks.stores import NOT_TRIED
from url_manifests.outcomes import KeyState, Outcome, OutcomeWriter, Result, RunInfo
from url_manifests.traces import HEADER_LIST_PREFIX, KeyKind

from .conftest import SHARED

STORED, ALREADY, GONE, BLIND = Result.STORED, Result.ALREADY_WARM, Result.NOT_STORED, Result.UNVERIFIABLE


def state(key, kind=KeyKind.PART, result=STORED, alias="default", version=None):
    return KeyState(alias=alias, key=key, kind=kind, result=result, version=version)


def page(key, **options):
    return state(key, KeyKind.PAGE, **options)


def outcome(*keys, result=STORED, page=None, url="/x/", **fields):
    return Outcome(url=url, result=result, page=page, weight=1, keys=keys, **fields)


PRESENT, MISSING = Seen(Presence.PRESENT), Seen(Presence.MISSING)
PRIVATE, UNREADABLE = Seen(Presence.PRIVATE), Seen(Presence.UNREADABLE, "boom")


@pytest.mark.parametrize(
    ("before", "answers", "result", "reason", "page_result"),
    [
        (outcome(page("h"), page("b"), page=STORED), {}, STORED, "", STORED),
        (outcome(page("h"), page("b"), page=STORED), {"b": MISSING}, GONE, "evicted", GONE),
        (outcome(page("h"), page("b"), page=STORED), {"h": MISSING}, GONE, "evicted", GONE),
        (outcome(page("h"), state("part"), page=STORED), {"part": MISSING}, STORED, "", STORED),
        (outcome(state("part"), page=GONE, reason="private"), {}, STORED, "private", GONE),
        (outcome(state("part"), state("q"), page=GONE, reason="private"), {"q": MISSING}, GONE, "evicted", GONE),
        (outcome(page("h"), page=STORED), {"h": UNREADABLE}, BLIND, "backend-error", BLIND),
        (outcome(page("h"), page=STORED), {"h": PRIVATE}, BLIND, "private-store", BLIND),
        (outcome(page("h"), page("b"), page=STORED), {"h": PRIVATE, "b": MISSING}, GONE, "evicted", GONE),
        (outcome(state("k", result=GONE), result=GONE, reason="private"), {"k": MISSING}, GONE, "private", None),
        (outcome(), {}, STORED, "", None),
    ],
)
def test_an_outcome_is_corrected_by_what_decides_it(before, answers, result, reason, page_result):
    seen = {(k.alias, k.key, k.version): answers.get(k.key, PRESENT) for k in before.keys}
    after = correct(before, seen)
    assert (after.result, after.reason, after.page) == (result, reason, page_result)


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_keys_are_read_where_they_are(backend):
    cache.set("here", 1, 60)
    cache.set("none", None, 60)
    cache.set("here", 1, 60, version=5)
    states = [state("here"), state("none"), state("gone"), state("here", version=5), state("here", version=6)]
    seen = look_up(states, set())
    found = [seen["default", s.key, s.version].presence for s in states]
    expected = [Presence.PRESENT, Presence.PRESENT, Presence.MISSING, Presence.PRESENT, Presence.MISSING]
    assert found == expected


def test_what_no_visitor_can_be_answered_with_is_no_page(backend):
    """A neighbour in the same store, or a foul value: Django takes it for the page, and fails."""
    names = f"{HEADER_LIST_PREFIX}.x", f"{PAGE_BODY_PREFIX}.GET.x", f"{PAGE_BODY_PREFIX}.GET.y"
    cache.set_many(dict(zip(names, ("Accept", 7, HttpResponse("fine")), strict=True)), 60)
    seen = look_up([page(name) for name in names], set())
    assert [seen["default", name, None].presence for name in names] == [
        *[Presence.UNREADABLE] * 2,
        Presence.PRESENT,
    ]
    assert seen["default", names[1], None].detail.startswith("int stands where")


@pytest.mark.parametrize("backend", ["locmem", "dummy"], indirect=True)
def test_a_private_store_cannot_be_looked_into(backend):
    assert look_up([state("k")], set())["default", "k", None].presence is Presence.PRIVATE


def test_an_alias_that_is_not_here_or_dead_is_no_proof_of_anything(settings):
    dead = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {"default": dead, "broken": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}
    aliases = ("default", "nowhere")
    dead = set()
    seen = look_up([state(f"k{n}", alias=alias) for alias in aliases for n in range(3)], dead)
    assert dead == {"default"}
    assert [seen[alias, "k2", None].presence for alias in aliases] == [Presence.UNREADABLE] * 2
    assert "no cache has the alias 'nowhere'" in seen["nowhere", "k2", None].detail
    assert look_up([state("k")], dead)["default", "k", None].detail == NOT_TRIED


def test_a_value_that_cannot_be_unpickled_does_not_hide_the_others(backend):
    import base64

    from django.db import connection

    cache.set_many({"bad": 1, "good": 2}, 60)
    with connection.cursor() as cursor:
        broken = base64.b64encode(b"no pickle").decode()
        cursor.execute("UPDATE warming_test_cache SET value = %s WHERE cache_key LIKE '%%:bad'", [broken])
    seen = look_up([state("bad"), state("good")], set())
    assert seen["default", "bad", None].presence is Presence.UNREADABLE
    assert seen["default", "good", None].presence is Presence.PRESENT


def test_everything_is_counted_and_examples_are_few(backend):
    cache.set("here", 1, 60)
    many = [outcome(state("here"), state(f"gone{n}"), url=f"/{n}/") for n in range(50)]
    tally = Tally()
    corrected = list(cross_check([*many, outcome()], tally))
    assert [o.result for o in corrected] == [GONE] * 50 + [STORED]
    document = tally.document()
    assert document["keys"] == {"present": 50, "missing": 50, "unreachable": 0, "private": 0, "unreadable": 0}
    assert (document["corrected"], document["without_keys"], len(document["findings"])) == (50, 1, 20)


@pytest.fixture
def run_file(tmp_path, backend):
    """Write an outcome file of ten warm pages and return its path."""

    def write(outcomes):
        path = tmp_path / "outcomes.jsonl"
        with OutcomeWriter(path, RunInfo(run_id="run-7", env="prod")) as writer:
            for each in outcomes:
                writer.write(each)
        return path

    return write


def ten(page_result=STORED):
    return [outcome(page(f"h{n}"), page(f"b{n}"), page=page_result, url=f"/{n}/") for n in range(10)]


def command(*args, **options):
    from io import StringIO

    out = StringIO()
    try:
        call_command("warm_cache", *args, stdout=out, stderr=StringIO(), progress="none", **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), ""


def fill(numbers):
    cache.set_many({f"{kind}{n}": 1 for n in numbers for kind in "hb"}, 60)


def test_all_there_leaves_the_report_as_the_run_has_it(run_file, tmp_path):
    import json

    fill(range(10))
    path = run_file(ten())
    before = path.read_bytes()
    report = tmp_path / "report.json"
    assert command("--cross-check", str(path), "--report", str(report))[0] == 0
    document = json.loads(report.read_text())
    assert (document["run_id"], document["env"], document["outcome"]) == ("run-7", "prod", "ok")
    assert (document["planned"], document["stored"], document["coverage"]) == (10, 10, 1)
    assert document["cross_check"]["keys"]["present"] == 20
    assert path.read_bytes() == before


def test_something_gone_but_enough_left_is_listed(run_file):
    fill(range(9))
    code, out, _ = command("--cross-check", str(run_file(ten())), "--require-coverage", "0.9")
    assert code == 0
    assert "1 evicted: /9/" in out
    assert "missing: default h9 of /9/" in out


def test_too_much_gone_is_exit_code_4(run_file):
    fill(range(8))
    code, _, error = command("--cross-check", str(run_file(ten())), "--require-coverage", "0.9")
    assert (code, error) == (
        4,
        "4 of 20 keys that were reported as warm are gone; coverage is 0.800 instead of 0.9",
    )


def test_what_was_never_warm_is_exit_code_3(run_file):
    failed = [outcome(result=Result.FAILED, reason="timeout") for _ in range(3)]
    assert command("--cross-check", str(run_file(failed)))[0] == 3


def test_a_broken_file_is_exit_code_2(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    path.write_text("{}\n")
    code, _, error = command("--cross-check", str(path))
    assert code == 2
    assert "line 1" in error


@pytest.mark.parametrize("option", [{"refresh": True}, {"only": ["x"]}, {"dry_run": True}, {"deadline": 3.0}])
def test_a_cross_check_only_reads(run_file, option):
    code, _, error = command("--cross-check", str(run_file(ten())), **option)
    assert (code, "only reads" in error) == (2, True)
