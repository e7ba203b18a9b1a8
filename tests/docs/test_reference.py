"""The reference says what the code does: no row too few, none too many."""

from __future__ import annotations

import re
from pathlib import Path

from url_manifests.errors import ExitCode
from url_manifests.reasons import REASONS
from url_manifests.report import Report

DOCS = Path(__file__).resolve().parents[2] / "docs"


def table(name: str) -> list[list[str]]:
    """The rows of the first table of a page of the reference, without its head."""
    lines = (DOCS / "reference" / name).read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_every_exit_code_has_its_row() -> None:
    rows = [(int(code), name.strip("`")) for code, name, *_ in table("exit-codes.md")]
    assert rows == [(code.value, code.name) for code in ExitCode]


def test_every_reason_has_its_row() -> None:
    expected = [
        [f"`{name}`", "yes" if reason.by_application else "no", reason.text, reason.hint]
        for name, reason in REASONS.items()
    ]
    assert table("reasons.md") == expected


def test_every_field_of_a_report_has_its_row() -> None:
    documented = {name for row in table("report.md") for name in re.findall(r"`(\w+)`", row[0])}
    assert documented == set(Report(run_id="", env="", require_coverage=1.0).document())


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
