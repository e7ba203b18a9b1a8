"""The reference says what the code does: no row too few, none too many."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from django_hooks.strategies import Strategy
from url_manifests.errors import ExitCode
from url_manifests.report import Report

from .tables import DOCS, TABLES, refreshed, shown

PAGES = sorted(DOCS.rglob("*.md"))
PACKAGES = [DOCS.parent / name for name in ("url_manifests", "crawler", "django_hooks")]


def rows(page: str) -> list[list[str]]:
    """The rows of the first table of a page of the reference, without its head."""
    lines = (DOCS / "reference" / page).read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|---"))
    cells = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[start + 1 :] if line[:1] == "|")
    return list(cells)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_are_those_of_the_code(page: Path) -> None:
    text = page.read_text()
    assert text == refreshed(text), "run: python -m tests.docs.tables"


def test_every_table_is_shown_somewhere() -> None:
    assert set().union(*(shown(page.read_text()) for page in PAGES)) == set(TABLES)


def test_every_exit_code_has_its_row() -> None:
    assert [(int(code), name.strip("`")) for code, name, *_ in rows("exit-codes.md")] == [
        (code.value, code.name) for code in ExitCode
    ]


def test_every_field_of_a_strategy_has_its_row() -> None:
    text = (DOCS / "how-to" / "strategies.md").read_text()
    table = text[text.index("| field |") : text.index("What others depend on")]
    heads = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    assert set(re.findall(r"`(\w+)`", "".join(heads))) == {f.name for f in dataclasses.fields(Strategy)} - {"name"}


def test_every_log_event_that_is_documented_is_logged() -> None:
    events = re.findall(r"`(cache_warming\.[a-z_]+)`", (DOCS / "how-to" / "strategies.md").read_text())
    sources = "".join(path.read_text() for path in PACKAGES[2].rglob("*.py"))
    assert [event for event in events if f'"{event}"' not in sources] == []
    assert len(events) > 10


def test_every_field_of_a_report_has_its_row() -> None:
    documented = {name for row in rows("report.md") for name in re.findall(r"`(\w+)`", row[0])}
    assert documented >= set(Report(run_id="", env="", require_coverage=1.0).document())


def test_every_check_has_its_heading() -> None:
    sources = "".join(path.read_text() for path in PACKAGES[2].rglob("*.py"))
    raised = set(re.findall(r"cache_warming\.[EW]\d{3}", sources))
    page = (DOCS / "reference" / "checks.md").read_text()
    assert sorted(re.findall(r"^## (cache_warming\.[EW]\d{3})", page, re.MULTILINE)) == sorted(raised)


@override_settings(CACHE_WARMING={"SECRIT": "x"})
def test_a_check_found_in_the_reference_is_raised_by_django() -> None:
    assert "cache_warming.E002" in {message.id for message in run_checks(tags=["caches"])}


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in [*PAGES, DOCS.parent / "README.md"]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
