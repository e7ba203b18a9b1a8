"""Minting for one run: a command that is called like the site's, and records how."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from url_manifests.manifest import Entry
from url_manifests.personas import Personas, dump_personas

from .conftest import Project
from .fake_site import FakeSite

COMMAND = """
import json, pathlib, sys
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("action")
        parser.add_argument("--run-id")
        parser.add_argument("--ttl")
    def handle(self, **options):
        with open("calls.jsonl", "a") as calls:
            calls.write(json.dumps([options["action"], options["run_id"]]) + "\\n")
        answer = pathlib.Path(options["action"] + ".json")
        if not answer.exists():
            sys.stderr.write("a first line\\nCommandError: no PERSONAS are configured\\n")
            sys.exit(2)
        self.stdout.write(answer.read_text())
"""


@pytest.fixture
def minting(project: Project) -> Project:
    folder = project.folder / "fakeapp" / "management" / "commands"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent, folder.parent.parent):
        (package / "__init__.py").touch()
    (folder / "warm_personas.py").write_text(COMMAND)
    (project.folder / "fakesettings.py").write_text("INSTALLED_APPS = ['fakeapp']\nSECRET_KEY = 'x'\n")
    sessions = Personas(
        cookie="sessionid", expires_at=datetime.now(UTC) + timedelta(minutes=5), sessions={"trade": "s-trade-secret"}
    )
    (project.folder / "mint.json").write_text(dump_personas(sessions))
    (project.folder / "revoke.json").write_text("1 session ended")
    project.write_entries([Entry(url="/personal/1/", hits=2, signed_in=0.5)])
    return project


def calls(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]


def test_made_for_the_run_and_ended_with_it(minting: Project, site: FakeSite) -> None:
    result = minting.crawl("personas=mint", "run_id=r1", DJANGO_SETTINGS_MODULE="fakesettings")
    assert result.returncode == 0, result.stderr
    assert calls(minting.folder) == [["mint", "r1"], ["revoke", "r1"]]
    assert minting.report["personas"] == ["trade"]
    assert any(b"s-trade-secret" in head for head in site.seen)
    written = [path.read_text() for path in (minting.folder / "var").rglob("*") if path.is_file()]
    assert not any("s-trade-secret" in text for text in (*written, result.stderr))


def test_ended_also_when_the_run_fails(minting: Project) -> None:
    result = minting.crawl(
        "personas=mint", "run_id=r1", "base_url=http://127.0.0.1:9", "ready_timeout=0.6",
        DJANGO_SETTINGS_MODULE="fakesettings",
    )  # fmt: skip
    assert result.returncode == 7
    assert calls(minting.folder)[-1] == ["revoke", "r1"]


def test_a_site_that_mints_none(minting: Project, site: FakeSite) -> None:
    (minting.folder / "mint.json").unlink()
    result = minting.crawl("personas=mint", DJANGO_SETTINGS_MODULE="fakesettings")
    assert result.returncode == 2
    assert "warm_personas mint ended with CommandError: no PERSONAS are configured" in result.stderr
    assert result.stderr.count("\n") == 1
    assert site.seen == []
    assert calls(minting.folder)[-1][0] == "revoke"


def test_sessions_that_cannot_be_ended(minting: Project) -> None:
    (minting.folder / "revoke.json").unlink()
    result = minting.crawl("personas=mint", DJANGO_SETTINGS_MODULE="fakesettings")
    assert result.returncode == 1
    assert "sessions of this run may live until they expire" in result.stderr


def test_without_settings(minting: Project, site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    result = minting.crawl("personas=mint")
    assert result.returncode == 2
    assert "set DJANGO_SETTINGS_MODULE, or mint them in the deployment" in result.stderr
    assert site.seen == []
