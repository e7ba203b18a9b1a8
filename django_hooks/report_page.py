"""A report as one page for people, which loads nothing and runs nothing.

It is rendered by an engine of its own: the project's template settings have no say in what is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

from django.template import Context, Engine

from url_manifests.jsonl import replacing
from url_manifests.outcomes import Result
from url_manifests.report import Report

_TEMPLATES: Final = Path(__file__).parent / "templates"


def page(document: Mapping[str, Any]) -> str:
    """The page of a report document."""
    engine = Engine(dirs=[str(_TEMPLATES)], autoescape=True)
    reasons = [
        {
            "name": name,
            "count": count,
            "hint": document["hints"].get(name, ""),
            "examples": document["examples"].get(name, ()),
        }
        for name, count in document["reasons"].items()
    ]
    results = [(str(result), document[result]) for result in Result]
    values = {"report": document, "reasons": reasons, "results": results}
    # Numbers and times are shown as the document has them, whatever the project's language.
    return engine.get_template("cache_warming/report.html").render(Context(values, use_l10n=False, use_tz=False))


def write_page(report: Report, path: str | PathLike[str]) -> None:
    """Write the page, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(page(report.document()), encoding="utf-8", errors="backslashreplace")
