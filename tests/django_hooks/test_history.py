"""What the admin shows of runs, and what becomes of it."""

from __future__ import annotations

import json
from datetime import timedelta

import psycopg
import pytest
from django.db import DataError, OperationalError
from django.urls import reverse
from django.utils import timezone

from django_hooks import history, runs
from django_hooks.history import RunRecord, bounded
from django_hooks.models import WarmRun
from django_hooks.runs import new_run_id
from django_hooks.warmers import CacheEntry, register
from url_manifests.report import Report

from .commands import command


def report():
    return Report(run_id=new_run_id(), env="test", require_coverage=1)


def test_a_run_is_kept_with_its_counts(own):
    command(strategy="deploy")
    run = WarmRun.objects.get()
    assert (run.kind, run.env, run.strategy, run.mode, run.state) == ("warm", "test", "deploy", "sync", "finished")
    assert (run.outcome, run.exit_code, run.coverage) == ("partial", 3, 0.75)
    assert (run.planned, run.stored, run.failed) == (4, 3, 1)
    assert run.report["reasons"] == {"compute-failed": 1}
    assert run.finished_at >= run.started_at


def test_a_check_is_kept_too(own, tmp_path):
    path = str(tmp_path / "outcomes")
    command(only=["numbers"], outcomes=path)
    command(verify_only=path)
    assert list(WarmRun.objects.order_by("pk").values_list("kind", flat=True)) == ["warm", "verify-only"]


def test_what_postgresql_takes_in_no_text_is_escaped(postgres_server):
    document = bounded({"examples": {"a\0": ["nul\0", "half\ud800", {"k": ("t\0",)}]}, "n": 1, "none": None})
    assert document["examples"] == {"a\\x00": ["nul\\x00", "half\\ud800", {"k": ["t\\x00"]}]}
    with psycopg.connect(postgres_server.url) as connection:
        (kept,) = connection.execute("SELECT %s::jsonb", [json.dumps(document)]).fetchone()
    assert kept == document


@pytest.mark.parametrize(("error", "is_asked"), [(OperationalError, True), (DataError, False)])
def test_only_what_may_be_a_missing_table_is_asked_about(db, caplog, monkeypatch, error, is_asked):
    def fail(*args, **options):
        raise error("x")

    monkeypatch.setattr(WarmRun, "save", fail)
    RunRecord.begin(report())
    assert ("was manage.py migrate run?" in caplog.text) is is_asked


def test_without_days_nothing_is_kept(own, settings):
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "HISTORY_DAYS": 0}
    assert command(only=["numbers"])[0] == 0
    assert not WarmRun.objects.exists()


def test_days_below_0_delete_nothing(own, settings):
    command(only=["numbers"])
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "HISTORY_DAYS": -1}
    code, _, error = command(only=["numbers"])
    assert (code, "['HISTORY_DAYS']: must be a whole number" in error) == (2, True)
    assert WarmRun.objects.count() == 1


def test_old_runs_go_and_silent_ones_are_called_lost(own):
    old, silent = RunRecord.begin(report()), RunRecord.begin(report())
    WarmRun.objects.filter(pk=old.row.pk).update(started_at=timezone.now() - timedelta(days=91))
    WarmRun.objects.filter(pk=silent.row.pk).update(heard_at=timezone.now() - timedelta(minutes=11))
    lively = RunRecord.begin(report())
    states = dict(WarmRun.objects.values_list("pk", "state"))
    assert states == {silent.row.pk: "lost", lively.row.pk: "running"}


def test_a_heartbeat_tells_how_far_it_is(db):
    record, counted = RunRecord.begin(report()), report()
    counted.results["stored"] = 7
    record.alive(counted)
    assert WarmRun.objects.get().stored == 7


def test_an_unexpected_error_leaves_a_lost_run(own, monkeypatch):
    def fail(*args):
        raise SystemError

    monkeypatch.setattr(runs, "_totals", fail)
    with pytest.raises(SystemError):
        command()
    assert WarmRun.objects.get().state == "lost"


def test_a_database_that_fails_stops_no_run(own, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise OperationalError("no such table")

    monkeypatch.setattr(history.WarmRun, "save", fail)
    assert command(only=["numbers"])[0] == 0
    (message,) = [said for said in caplog.messages if said.startswith("cache_warming.run_not_kept: ")]
    assert "manage.py migrate" in message


def test_a_long_report_is_shortened_and_says_so():
    document = {"outcome": "ok", "routes": ["x" * 1000] * 100, "examples": {"a": ["b"]}}
    assert bounded(document) == {"outcome": "ok", "examples": {"a": ["b"]}, "left_out": ["routes"]}
    assert bounded({"outcome": "ok"}) == {"outcome": "ok"}


def test_the_admin_shows_runs_and_changes_none(own, admin_client):
    @register("<b>", priority=-1)
    def markup():
        yield CacheEntry(key="k", compute=lambda: 1 / 0)

    command()
    run = WarmRun.objects.get()
    assert run.run_id in admin_client.get(reverse("admin:cache_warming_warmrun_changelist")).content.decode()
    page = admin_client.get(reverse("admin:cache_warming_warmrun_change", args=[run.pk])).content.decode()
    assert "&lt;b&gt;:k" in page
    assert "<b>:k" not in page
    assert admin_client.post(reverse("admin:cache_warming_warmrun_delete", args=[run.pk])).status_code == 403


@pytest.mark.parametrize("name", ["warmjob", "runlock"])
def test_what_only_machines_need_is_in_no_admin(admin_client, name):
    assert admin_client.get(f"/admin/cache_warming/{name}/").status_code == 404
