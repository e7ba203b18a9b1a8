"""The personas file: written for its owner, read with an eye on what it may hold, and never quoted."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from url_manifests.errors import ConfigurationError, FileFormatError, UnsupportedVersionError
from url_manifests.personas import Personas, dump_personas, parse_personas, read_personas, write_personas

SESSION = "s3cr3t-session-value"
EXPIRES = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
PERSONAS = Personas(cookie="sessionid", expires_at=EXPIRES, sessions={"trade": SESSION, "retail": "r"})


def document(**changes):
    return json.loads(dump_personas(PERSONAS)) | changes


def test_round_trip(tmp_path):
    path = tmp_path / "folder" / "personas.json"
    write_personas(path, PERSONAS)
    assert read_personas(path) == PERSONAS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PERSONAS.roles == ("trade", "retail")
    assert PERSONAS.cookie_header("trade") == f"sessionid={SESSION}"


def test_what_has_expired_says_so():
    assert not PERSONAS.has_expired(EXPIRES - timedelta(seconds=1))
    assert PERSONAS.has_expired(EXPIRES)


def test_no_repr_shows_a_session():
    assert SESSION not in repr(PERSONAS)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": "url-manifest"}, "field 'format'"),
        ({"cookie": f"{SESSION}; x"}, "field 'cookie'"),
        ({"cookie": 1}, "field 'cookie': must be text"),
        ({"expires_at": SESSION}, "field 'expires_at'"),
        ({"expires_at": None}, "field 'expires_at': is missing"),
        ({"personas": [SESSION]}, "field 'personas': must be an object"),
        ({"personas": {f"{SESSION} ": {"session": "x"}}}, "field 'personas[0]'"),
        ({"personas": {"a": SESSION}}, "field 'personas.a'"),
        ({"personas": {"a": {"session": SESSION, "x": 1}}}, "field 'personas.a'"),
        ({"personas": {"a": {"session": f"{SESSION}; admin=1"}}}, "field 'personas.a.session'"),
        ({"personas": {"a": {"session": f"{SESSION}\r\nX: y"}}}, "field 'personas.a.session'"),
        ({"personas": {"a": {"session": SESSION * 1000}}}, "field 'personas.a.session'"),
        ({"personas": {"a": {"session": ""}}}, "field 'personas.a.session'"),
        ({"more": SESSION}, "field 'more'"),
    ],
)
def test_malformed_files_are_named_by_field_and_not_quoted(changes, problem):
    with pytest.raises(FileFormatError) as caught:
        parse_personas(json.dumps(document(**changes)).encode(), "WARM_PERSONAS")
    assert str(caught.value).startswith("WARM_PERSONAS")
    assert problem in str(caught.value)
    assert SESSION not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", SESSION.encode(), f'{{"cookie": {SESSION}'.encode(), b"\xff", b"x" * (1 << 21)])
def test_what_is_no_document(raw):
    with pytest.raises(FileFormatError) as caught:
        parse_personas(raw, "p.json")
    assert SESSION not in str(caught.value)


def test_a_newer_version():
    with pytest.raises(UnsupportedVersionError):
        parse_personas(json.dumps(document(version=2)).encode(), "p.json")


def test_missing_and_unwritable(tmp_path):
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_personas(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_personas(tmp_path / "file" / "p.json", PERSONAS)
