"""What is added up gets the memory that it takes, up to an end."""

from __future__ import annotations

import duckdb
import pytest

from tests.url_manifests.lines import combined
from url_manifests import database as database_module
from url_manifests.build import BuildOptions, build
from url_manifests.cli import main
from url_manifests.database import Database
from url_manifests.sources import expand

PAGES = 40_000


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Nearly every line has a URL of its own."""
    path = tmp_path_factory.mktemp("log") / "access.log"
    path.write_text("".join(combined(f"/catalogue/lamp-{number % PAGES}/") + "\n" for number in range(PAGES + 3000)))
    return path


def built(log, folder):
    build(expand([str(log)]), folder / "m.jsonl", BuildOptions())
    return (folder / "m.jsonl").read_bytes()


@pytest.fixture
def raised(monkeypatch):
    """Megabytes that were taken in the place of fewer."""
    found = []
    take = Database._take_more_memory

    def counting(self):
        take(self)
        found.append(self._memory_mb)

    monkeypatch.setattr(Database, "_take_more_memory", counting)
    return found


def test_what_takes_more_memory_than_expected_gets_it(log, tmp_path, monkeypatch, raised):
    wanted = built(log, tmp_path)
    assert raised == []
    monkeypatch.setattr(database_module, "MEMORY_LIMIT_MB", 2)
    assert built(log, tmp_path) == wanted
    assert raised


def test_there_is_an_end_to_it(log, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(database_module, "MEMORY_LIMIT_MB", 2)
    monkeypatch.setattr(database_module, "MOST_MEMORY_MB", 2)
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("the old one")
    assert main(["build", str(log), "-o", str(manifest)]) == 1
    assert "takes more than 2 MB of memory" in capsys.readouterr().err
    assert manifest.read_text() == "the old one"


class _EndsInTheMiddle:
    def __init__(self, rows):
        self._rows = rows
        self._batches = 0

    def fetchmany(self, size):
        self._batches += 1
        if self._batches == 3:
            raise duckdb.OutOfMemoryException("no more")
        return self._rows.fetchmany(size)


def test_when_it_ends_between_two_rows_none_is_lost_or_given_twice(tmp_path, monkeypatch, raised):
    database = Database(tmp_path / "any.duckdb", spill=tmp_path / "spill")
    run = database.run
    monkeypatch.setattr(database, "run", lambda *query: run(*query) if raised else _EndsInTheMiddle(run(*query)))
    numbers = [number for (number,) in database.rows("SELECT range FROM range(10000) ORDER BY range")]
    database.close()
    assert numbers == list(range(10_000))
    assert len(raised) == 1
