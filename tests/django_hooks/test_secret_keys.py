"""Keys that let somebody in, those of sessions first, are in nothing that ``warm_cache`` says or keeps."""

from __future__ import annotations

import json
import logging
import re

import pytest
from django.contrib.sessions.backends.cached_db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache

from django_hooks.backends.database import DatabaseStore
from django_hooks.models import WarmRun
from django_hooks.warmers import CacheEntry, KeyBatch, SessionsWarmer, Warmer, register
from django_hooks.warmers.secret_keys import WITHHELD, digest_of, withheld

from .commands import command

TOKEN = "k3q9zt7w1xv5"
DIGEST = re.compile(r"secret-[0-9a-f]{16}")


@pytest.fixture
def session_keys(own, settings):
    """Three sessions that are in the database alone; of the first, the data are damaged."""
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "SESSIONS": True}
    keys = []
    for number in range(3):
        store = SessionStore()
        store["visitor"] = number
        store.save()
        cache.delete(store.cache_key)
        keys.append(store.session_key)
    Session.objects.filter(pk=keys[0]).update(session_data="damaged")
    return keys


def everything(tmp_path, *said):
    """All that was said and kept."""
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".sqlite3"]
    return "\n".join([*map(str, said), *files, *(json.dumps(run.report) for run in WarmRun.objects.all())])


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("outcomes", [True, False])
def test_no_session_key_is_said_or_kept(session_keys, tmp_path, caplog, mode, outcomes):
    caplog.set_level(logging.DEBUG)
    files = {"report": str(tmp_path / "report.json"), "html": str(tmp_path / "report.html")}
    if outcomes:
        files["outcomes"] = str(tmp_path / "outcomes.jsonl")
    said = [command("--dry-run", "--only", "sessions")]
    said += [command("--only", "sessions", "--mode", mode, **files) for _ in range(2)]
    assert "1 compute-failed: sessions:secret-" in said[1][1]
    assert "2 already_warm" in said[2][1]
    if outcomes:
        cache.clear()
        said += [command(f"--{kind}", str(tmp_path / "outcomes.jsonl")) for kind in ("verify-only", "cross-check")]
    text = everything(tmp_path, *said, caplog.text)
    assert [key for key in session_keys if key[:8] in text] == []
    assert len(set(DIGEST.findall(text))) == 3
    assert cache.get(SessionStore.cache_key_prefix + session_keys[1]) or outcomes


def test_what_nobody_can_look_for_is_neither_proven_nor_refuted(session_keys, tmp_path):
    path = str(tmp_path / "outcomes.jsonl")
    command("--only", "sessions", "--only", "numbers", outcomes=path)
    code, out, _ = command("--verify-only", path)
    assert (code, out.splitlines()[0]) == (
        3,
        "6 entries: 3 stored, 1 failed, 2 unverifiable; coverage 0.750: unverified",
    )
    assert "  2 secret-key: sessions:secret-" in out
    assert command("--verify-only", path, "--require-coverage", "0.75")[0] == 0
    Session.objects.filter(pk=session_keys[0]).delete()
    command("--only", "sessions", outcomes=path)
    assert command("--verify-only", path)[0] == 3, "nothing at all was looked at"


def test_patterns_are_of_the_key_itself(session_keys):
    pattern = f"*{session_keys[1]}"
    assert command("--only", "sessions", "--key", pattern)[1].startswith("1 entries: 1 stored")
    Session.objects.filter(pk=session_keys[0]).update(session_key="1234567")
    assert "bad-entry: sessions:secret-" in command("--only", "sessions", "--key", "session *")[1]


def tokens():
    yield CacheEntry(key=f"reset:{TOKEN}", compute=lambda: {}[TOKEN])
    yield CacheEntry(key=f"other:{TOKEN}", value=1, timeout=-1)
    yield CacheEntry(key="fine", source=0, compute=lambda: 1 / 0)
    yield CacheEntry(key="made", source=TOKEN, compute=lambda: {}[TOKEN])
    yield CacheEntry(key=TOKEN.encode(), value=1)
    raise LookupError(f"no {TOKEN}")


def test_errors_do_not_name_them_either(own, tmp_path):
    register("tokens", timeout=60, secret_keys=True)(tokens)
    path = tmp_path / "outcomes.jsonl"
    said = command("--only", "tokens", outcomes=str(path))[1] + path.read_text()
    assert TOKEN[:6] not in said
    lines = map(json.loads, path.read_text().splitlines()[1:])
    assert {line["url"]: line["detail"] for line in lines} == {
        f"tokens:{digest_of(f'reset:{TOKEN}')}": f"KeyError: {WITHHELD}",
        f"tokens:{digest_of(f'other:{TOKEN}')}": "the timeout must be None or seconds from 0, is -1",
        f"tokens:{digest_of('fine')}": "ZeroDivisionError: division by zero",
        f"tokens:{digest_of('made')}": f"KeyError: {WITHHELD}",
        f"tokens:{digest_of('?')}": WITHHELD,
        "tokens:*": f"LookupError: {WITHHELD}",
    }


def test_nor_does_what_is_said_of_a_store_that_refuses_them(own, monkeypatch, tmp_path):
    register("tokens", timeout=60, priority=9, secret_keys=True)(
        lambda: (CacheEntry(key=f"{number}{TOKEN}", value=1) for number in range(9))
    )

    def refuse(store, items, *, overwrite):
        raise ValueError(f"not {items[0].made}")

    monkeypatch.setattr(DatabaseStore, "write", refuse)
    command(outcomes=str(tmp_path / "outcomes.jsonl"))
    lines = (tmp_path / "outcomes.jsonl").read_text().splitlines()
    assert [line for line in lines if TOKEN[:6] in line] == []
    (first,) = (json.loads(line) for line in lines if "numbers:n0" in line)
    assert first["detail"] == f"not tried: the store does not answer: ValueError: {WITHHELD}"


def test_nor_do_the_logs_of_what_a_warmer_is_asked(own, caplog):
    @register
    class Tokens(Warmer):
        name, timeout, secret_keys = "tokens", 60, True

        def entries(self):
            yield CacheEntry(key=TOKEN, value=1)

        def outdated(self, entries):
            raise LookupError(entries[0].key)

        def changed_meanwhile(self, entries, values):
            raise LookupError(entries[0].key)

    for _ in range(2):
        command("--only", "tokens")
    errors = [record.error for record in caplog.records if hasattr(record, "error")]
    assert set(errors) == {f"LookupError: {WITHHELD}"}
    assert len(errors) >= 2


def test_entries_that_a_batch_does_not_give_are_not_named(own):
    @register
    class Tokens(Warmer):
        name, timeout, secret_keys = "tokens", 60, True

        def key_batches(self):
            yield KeyBatch(keys=[TOKEN], make=lambda: ())

    out = command("--only", "tokens")[1]
    assert f"tokens:{digest_of(TOKEN)} (make() gave no entry for it)" in out


def test_the_digest_is_the_projects_own(settings):
    before = digest_of("key")
    assert before == digest_of("key") != digest_of("another")
    settings.SECRET_KEY = "another " + settings.SECRET_KEY
    assert digest_of("key") != before


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("KeyError: 'n'", "KeyError: 'n'"),
        (f"KeyError: {TOKEN}", f"KeyError: {WITHHELD}"),
        (f"KeyError: {TOKEN[3:9]}", f"KeyError: {WITHHELD}"),
        (f"{TOKEN}: x", WITHHELD),
        (f"the session {TOKEN}", WITHHELD),
    ],
)
def test_a_text_that_holds_a_piece_of_a_key_is_withheld(text, left):
    assert withheld(text, f"prefix.{TOKEN}", "") == left


def test_who_warms_sessions_in_a_way_of_their_own_need_not_think_of_it():
    assert type("Some", (SessionsWarmer,), {}).secret_keys
