"""The formats and words that crawler and site share."""
# ruff: noqa: PT012, PT018 - pairs of facts about one value

from __future__ import annotations

import errno
import json
import os
import string
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from url_manifests import errors, protocol, traces
from url_manifests.errors import (
    ConfigurationError,
    EmptyManifestError,
    ExitCode,
    FileFormatError,
    UnknownNameError,
    UnsupportedVersionError,
)
from url_manifests.jsonl import replacing
from url_manifests.manifest import Entry, Header, ManifestReader, write_manifest
from url_manifests.outcomes import KeyState, Outcome, OutcomeReader, OutcomeWriter, Result, RunInfo
from url_manifests.protocol import Ticket, TicketRefusedError
from url_manifests.reasons import REASONS
from url_manifests.report import Report
from url_manifests.traces import KeyEvent, KeyKind, Trace, TracedKey

SECRET = "s" * 40
TARGET = "/en/p/42/?colour=red"


def test_every_error_has_an_exit_code_of_the_design():
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert {cls.exit_code for cls in classes} == set(ExitCode) - {ExitCode.WARM}


def test_errors_say_where_and_what():
    error = FileFormatError("m.jsonl", "is wrong", line=3, field="variants.chrome")
    assert str(error) == "m.jsonl, line 3, field 'variants.chrome': is wrong"
    assert "did you mean 'prod'?" in str(UnknownNameError("env", "prd", ["prod", "stage"]))


def sign(**changes) -> str:
    ticket = Ticket(run_id="run-1", expires_at_s=1000)
    return protocol.sign_ticket(ticket, **{"secret": SECRET, "host": "shop.example", "target": TARGET, **changes})


def check(value: str, **changes) -> Ticket:
    defaults = {"secrets": [SECRET], "method": "GET", "host": "shop.example", "target": TARGET, "now_s": 999.0}
    return protocol.check_ticket(value, **{**defaults, **changes})


def test_a_ticket_is_good_for_its_request_only():
    assert check(sign()) == Ticket(run_id="run-1", expires_at_s=1000)
    assert check(sign(), secrets=["new" * 20, SECRET]).run_id == "run-1"
    assert check(sign(target="/caf%C3%A9/"), target="/café/").run_id == "run-1"


@pytest.mark.parametrize(
    ("value", "changes", "why"),
    [
        (sign(), {"method": "POST"}, "method"),
        (sign(), {"target": "/en/"}, "forged"),
        (sign(), {"host": "other.example"}, "forged"),
        (sign(), {"secrets": ["x" * 40]}, "forged"),
        (sign(), {"now_s": 1001.0}, "expired"),
        (sign().replace("1000", "9999"), {}, "forged"),
        (sign().replace("warm", "root"), {}, "malformed"),
        ("x" * 300, {}, "malformed"),
        ("1.ü.warm.1.x", {}, "malformed"),
        ("", {}, "malformed"),
    ],
)
def test_other_tickets_are_refused(value, changes, why):
    with pytest.raises(TicketRefusedError, match=why):
        check(value, **changes)


@given(st.text(max_size=80))
def test_random_tickets_are_refused_and_nothing_else(value):
    with pytest.raises(TicketRefusedError):
        check(value)


def test_secrets_must_be_long_and_their_own():
    with pytest.raises(ConfigurationError, match="at least 32"):
        protocol.check_secret("WARM_SECRET", "short")
    with pytest.raises(ConfigurationError, match="must differ"):
        protocol.check_secret("WARM_SECRET", SECRET, differs_from=SECRET)
    protocol.check_secret("WARM_SECRET", SECRET, differs_from="d" * 40)


KEYS = st.builds(
    TracedKey,
    alias=st.sampled_from(["default", "pages"]),
    key=st.text(max_size=30),
    version=st.none() | st.integers(1, 9),
    event=st.sampled_from(KeyEvent),
    kind=st.sampled_from(KeyKind),
)


@given(st.lists(KEYS, max_size=12))
def test_traces_survive_the_header(keys):
    trace = Trace(keys=tuple(keys), reason="private", worker="7", private_aliases=frozenset({"local"}))
    assert traces.decode_trace(traces.encode_trace(trace)) == trace


def test_a_trace_that_does_not_fit_is_cut_and_says_so():
    source = __import__("random").Random(1)
    keys = tuple(
        TracedKey(alias="default", key="".join(source.choices(string.ascii_letters, k=40)), event=KeyEvent.MISS)
        for _ in range(1000)
    )
    encoded = traces.encode_trace(Trace(keys=keys))
    decoded = traces.decode_trace(encoded)
    assert len(encoded) <= traces.MAX_TRACE_BYTES
    assert len(decoded.keys) + decoded.omitted == 1000 and decoded.omitted > 0


@given(st.text(max_size=60))
def test_random_traces_are_a_value_error(value):
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        traces.decode_trace(value)


SHARES = st.dictionaries(st.sampled_from(["chrome", "safari"]), st.sampled_from([0.25, 0.5]), max_size=2)
ENTRIES = st.builds(
    Entry,
    url=st.text(string.ascii_letters + "/?=&%", max_size=20).map(lambda text: "/" + text.lstrip("/")),
    host=st.sampled_from(["", "shop.example", "shop.example:8080"]),
    hits=st.integers(0, 10**9),
    predicted_hits=st.none() | st.floats(0, 1e6).map(lambda value: round(value, 3)),
    cold_ms=st.none() | st.floats(0, 1e6),
    warm_ms=st.none() | st.floats(0, 1e6),
    route=st.sampled_from(["", "/a/*/"]),
    variants=SHARES,
    signed_in=st.sampled_from([0.0, 0.25]),
)
PROFILES = {"chrome": {"Accept": "*/*"}, "safari": {"Accept": "text/html"}}


def header(entries: int) -> Header:
    end = datetime(2025, 11, 11, tzinfo=UTC)
    return Header(entries=entries, window_end=end, totals={"lines": 3}, profiles=PROFILES, sources=({"name": "a.log"},))


@given(st.lists(ENTRIES, max_size=8))
def test_write_read_write_is_the_same_bytes(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("manifest") / "m.jsonl"
    write_manifest(path, header(len(entries)), entries)
    first = path.read_bytes()
    reader = ManifestReader(path)
    again = list(reader)
    write_manifest(path, reader.header, again)
    assert again == entries
    assert path.read_bytes() == first


def test_nothing_never_takes_the_place_of_a_manifest(tmp_path):
    path = tmp_path / "m.jsonl"
    write_manifest(path, header(0), [])
    write_manifest(path, header(1), [Entry(url="/", hits=1)])
    before = path.read_bytes()
    with pytest.raises(EmptyManifestError, match=r"m\.jsonl has 1; it was left as it is"):
        write_manifest(path, header(0), [])
    assert path.read_bytes() == before


HEAD = '{"format": "url-manifest", "version": 1, "entries": 1, "profiles": {"chrome": {}}}\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: is empty"),
        ("{}", "line 1, field 'format': is missing"),
        ('{"format": "x"}', "field 'format': must be 'url-manifest'"),
        (HEAD, "promises 1 entries, the file has 0"),
        (HEAD + "{", "line 2: is not JSON"),
        (HEAD + "[]", "line 2: must be a JSON object"),
        (HEAD + '{"url": "/a/"}', "line 2, field 'hits': is missing"),
        (HEAD + '{"url": "a", "hits": 1}', "field 'url': must be a path"),
        (HEAD + '{"url": "//a", "hits": 1}', "field 'url': must be a path"),
        (HEAD + '{"url": "/é", "hits": 1}', "field 'url': must be percent-encoded"),
        (HEAD + '{"url": "/a/", "hits": -1}', "field 'hits': must be a whole number"),
        (HEAD + '{"url": "/a/", "hits": NaN}', "NaN is not JSON"),
        (HEAD + '{"url": "/a/", "hits": 1, "colour": 1}', "field 'colour': is unknown"),
        (HEAD + '{"url": "/a/", "hits": 1, "host": "A b"}', "field 'host': must be a lower-case host"),
        (HEAD + '{"url": "/a/", "hits": 1, "variants": {"edge": 1}}', "field 'variants.edge': names no profile"),
        (HEAD + '{"url": "/a/", "hits": 1, "variants": {"chrome": 2}}', "must be a share"),
    ],
)
def test_malformed_manifests_are_named_by_line_and_field(tmp_path, text, problem):
    path = tmp_path / "m.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        list(ManifestReader(path))
    assert problem in str(caught.value)


def test_a_newer_manifest_asks_for_an_upgrade(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"format": "url-manifest", "version": 2}')
    with pytest.raises(UnsupportedVersionError, match="newer than this release"):
        ManifestReader(tmp_path / "m.jsonl")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("m.jsonl", "old")]


def test_what_the_disk_refuses_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "m.jsonl"
    path.write_text("old")

    def refuse(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"), replacing(path) as temporary:
        temporary.write_text("new")
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("m.jsonl", "old")]


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_replaced_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "m.jsonl"
    path.write_text("old")
    path.chmod(mode)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", mode)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "m.jsonl").symlink_to(tmp_path / "real" / "m.jsonl")
    for text in ("first", "second"):
        with replacing(tmp_path / "m.jsonl") as temporary:
            temporary.write_text(text)
        assert (tmp_path / "real" / "m.jsonl").read_text() == text
    assert (tmp_path / "m.jsonl").is_symlink()


OUTCOME = Outcome(
    url="/a/", host="shop.example", profile="chrome", result=Result.NOT_STORED, reason="private", weight=3.0,
    cacheable=False, status=200, page=Result.NOT_STORED, cold_ms=5.0, warm_ms=4.0,
    keys=(KeyState(alias="default", key="k", kind=KeyKind.PART, result=Result.STORED, version=2),),
)  # fmt: skip


def test_outcomes_round_trip_and_forgive_a_cut_last_line(tmp_path):
    path = tmp_path / "var" / "outcomes.jsonl"
    with OutcomeWriter(path, RunInfo(run_id="r", env="prod")) as writer:
        writer.write(OUTCOME)
        writer.write(Outcome(url="/b/", result=Result.STORED, weight=1.0))
    reader = OutcomeReader(path)
    assert next(iter(reader)) == OUTCOME
    assert OUTCOME.parts == {Result.STORED: 1}
    assert len(list(reader)) == 2 and not reader.cut
    path.write_bytes(path.read_bytes()[:-5])
    assert len(list(reader)) == 1 and reader.cut


def report(*outcomes: Outcome, require: float = 0.9) -> Report:
    found = Report(run_id="r", env="prod", require_coverage=require)
    for outcome in outcomes:
        found.add(outcome)
    return found


def outcome(result: Result, weight: float = 1.0, **changes) -> Outcome:
    return Outcome(url="/a/", result=result, weight=weight, **changes)


@pytest.mark.parametrize(
    ("outcomes", "verdict", "code"),
    [
        ([], "ok", 0),
        ([outcome(Result.STORED), outcome(Result.ALREADY_WARM)], "ok", 0),
        ([outcome(Result.STORED), outcome(Result.FAILED, reason="status-5xx")], "partial", 3),
        ([outcome(Result.STORED), outcome(Result.NOT_STORED, reason="private", cacheable=False)], "ok", 0),
        ([outcome(Result.NOT_STORED, reason="no-page-cache", cacheable=False)], "partial", 3),
        ([outcome(Result.UNVERIFIABLE, reason="private-store")], "unverified", 3),
    ],
)
def test_verdicts(outcomes, verdict, code):
    found = report(*outcomes)
    assert (found.outcome, found.exit_code) == (verdict, code)


def test_a_report_adds_up_and_is_written_whole(tmp_path):
    found = report(*(outcome(result, reason="" if result.is_proven else "private") for result in Result))
    found.finish(1.5)
    found.write(tmp_path / "report.json")
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["planned"] == sum(document[str(result)] for result in Result) == len(Result)
    assert document["reasons"] == {"private": 4}
    assert document["coverage"] == pytest.approx(2 / 6)


def test_an_error_decides_the_verdict():
    found = report(outcome(Result.STORED))
    found.error = errors.SiteProtectionError("latency")
    assert (found.outcome, found.exit_code) == ("protected", 5)


def test_reasons_have_a_text_and_a_hint():
    assert all(reason.text.endswith(".") and reason.hint.endswith(".") for reason in REASONS.values())


def test_a_device_stays_a_device() -> None:
    with replacing("/dev/null") as temporary:
        temporary.write_bytes(b"a manifest")
    assert Path("/dev/null").is_char_device()
