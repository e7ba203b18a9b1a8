"""A report for people: readable, complete, and harmless whatever the site's URLs and keys hold."""

from __future__ import annotations

from bs4 import BeautifulSoup

from django_hooks.report_page import page
from django_hooks.warmers import CacheEntry, register
from url_manifests.errors import SiteProtectionError
from url_manifests.outcomes import Outcome, Result
from url_manifests.report import Report

from .commands import command

EVIL = "</code><script>alert(1)</script>{{ 7|add:7 }}<img src=x onerror=y>"


def test_it_is_written_beside_the_json(own, tmp_path):
    path = tmp_path / "report.html"
    assert command("--html", str(path))[0] == 3
    soup = BeautifulSoup(path.read_text(), "html.parser")
    assert soup.h1.get_text() == "test partial"
    assert [cell.get_text() for cell in soup.find_all("tr")[1]] == ["4", "0", "3", "0", "1", "0", "0"]
    assert "broken:bad (ZeroDivisionError: division by zero)" in soup.get_text()
    assert [row.td.get_text() for row in soup.find_all("table")[-1].find_all("tr")[1:]] == ["numbers", "broken"]


def test_everything_is_escaped():
    report = Report(run_id=EVIL, env=EVIL, require_coverage=1, error=SiteProtectionError(EVIL))
    report.add(Outcome(url=EVIL, result=Result.FAILED, reason=EVIL, detail=EVIL, weight=1))
    report.extra["warmers"] = {EVIL: {"entries": EVIL}}
    report.extra["cross_check"] = {"findings": [dict.fromkeys(("finding", "alias", "key", "url", "detail"), EVIL)]}
    html = page(report.document())
    soup = BeautifulSoup(html, "html.parser")
    assert (soup.find("script"), soup.find("img")) == (None, None)
    assert html.count("{{ 7|add:7 }}") >= 12
    assert [tag.name for tag in soup.find_all(src=True) + soup.find_all("link")] == []


def test_the_projects_template_settings_have_no_say(own, settings, tmp_path):
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"autoescape": False}}
    ]

    @register("<b>")
    def markup():
        yield CacheEntry(key="k", compute=lambda: 1 / 0)

    path = tmp_path / "report.html"
    command("--html", str(path), only=["<b>"])
    assert "&lt;b&gt;" in path.read_text()
    assert "<b>" not in path.read_text()


def test_a_page_that_cannot_be_written_is_one_line(own, tmp_path):
    (tmp_path / "file").touch()
    code, _, error = command("--html", str(tmp_path / "file" / "x.html"), only=["numbers"])
    assert (code, error.startswith("--html: cannot write")) == (1, True)
