"""Mode ``tasks`` with real workers: the same report as in one process, whatever is killed meanwhile."""

from __future__ import annotations

import signal
import time
from collections import Counter
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.core.cache import cache

from django_hooks.history import RunRecord
from django_hooks.models import WarmJob, WarmRun
from django_hooks.modes import worker
from django_hooks.runs import new_run_id
from django_hooks.strategies import Strategy
from tests import servers
from url_manifests.outcomes import Result
from url_manifests.report import Report

from .commands import command
from .fleet.processes import Fleet

TOLD = (
    "outcome",
    "exit_code",
    "planned",
    "stored",
    "failed",
    "skipped",
    "not_stored",
    "coverage",
    "reasons",
)


def wait_until(condition, seconds=30):
    ends_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    return found


def connected(url):
    """A connection, or ``None`` while the server is still starting up."""
    try:
        return psycopg.connect(url, autocommit=True)
    except psycopg.OperationalError:
        return None


@pytest.fixture(scope="module")
def fleet_database(postgres_server, tmp_path_factory):
    with wait_until(lambda: connected(postgres_server.url)) as connection:
        connection.execute("CREATE DATABASE fleet")
    url = postgres_server.url.removesuffix("postgres") + "fleet"
    done = Fleet(tmp_path_factory.mktemp("fleet"), url, "locmem").manage("migrate", "-v", "0")
    assert done.returncode == 0, done.stderr
    return url


@pytest.fixture
def fleet(fleet_database, redis_server, tmp_path):
    return Fleet(tmp_path, fleet_database, f"redis://{urlsplit(redis_server.url).netloc}/2")


def told(report):
    examples = {reason: sorted(found) for reason, found in report["examples"].items()}
    return {name: report[name] for name in TOLD} | {"examples": examples}


def rows(fleet, statement):
    with psycopg.connect(fleet.database) as connection:
        return connection.execute(statement).fetchall()


def jobs_of_last_run(fleet):
    last = "(SELECT max(id) FROM cache_warming_warmrun)"
    return rows(fleet, f"SELECT state, attempts, entries FROM cache_warming_warmjob WHERE run_id = {last} ORDER BY id")


def test_two_workers_report_what_one_process_would(fleet):
    fleet.env = {"FLEET_ENTRIES": "500", "FLEET_TROUBLE": "1", "FLEET_PAUSE_S": "0.004"}
    with fleet.workers(2) as workers:
        code, report = fleet.warm("--mode", "tasks")
    assert {process.poll() is None or process.returncode == -signal.SIGKILL for process in workers} == {True}
    assert [(state, attempts) for state, attempts, _ in jobs_of_last_run(fleet)] == [("done", 1)] * 4
    alone = Fleet(
        fleet.folder, fleet.database, fleet.cache, fleet.settings, fleet.env | {"EXAMPLE_CACHE_PREFIX": "alone"}
    )
    code_alone, report_alone = alone.warm("--mode", "sync")
    assert (code, told(report)) == (code_alone, told(report_alone))
    assert (report["stored"], report["failed"], report["skipped"]) == (503, 3, 0)
    workers_of = "SELECT DISTINCT worker_ids::text FROM django_tasks_database_dbtaskresult"
    assert len(rows(fleet, workers_of)) >= 2


def test_a_killed_workers_job_is_done_by_the_other_and_nothing_is_counted_twice(fleet):
    fleet.env = {"FLEET_ENTRIES": "300", "FLEET_PAUSE_S": "0.01"}
    fleet.settings = {"TASKS_LEASE_S": 2}
    with fleet.workers(2) as (first, _), fleet.start_warming("--mode", "tasks") as run:
        wait_until(lambda: any(state == "running" for state, *_ in jobs_of_last_run(fleet)))
        time.sleep(0.5)
        first.kill()
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    report = fleet.report()
    assert (report["planned"], report["stored"] + report["already_warm"]) == (300, 300)
    assert Counter(attempts for _, attempts, _ in jobs_of_last_run(fleet)) == {1: 3, 2: 1}
    assert fleet.warm("--mode", "sync")[1]["already_warm"] == 300


@pytest.mark.parametrize("mode", ["sync", "tasks"])
def test_after_a_kill_the_next_run_does_the_rest_and_the_numbers_add_up(fleet, mode):
    fleet.env = {"FLEET_ENTRIES": "500", "FLEET_PAUSE_S": "0.004"}
    with fleet.workers(2 if mode == "tasks" else 0):
        with fleet.start_warming("--mode", mode) as run:
            wait_until(lambda: fleet.stored() > 50)
            run.kill()
            run.communicate()
        assert not fleet.report_path.exists()
        before = fleet.stored()
        code, report = fleet.warm("--mode", "sync")
    assert (code, report["planned"], report["stored"] + report["already_warm"]) == (0, 500, 500)
    assert report["already_warm"] >= before - 1
    assert report["stored"] > 0 or mode == "tasks"  # Workers go on until they hear that their run is lost.
    newest = "SELECT state FROM cache_warming_warmrun WHERE kind = 'warm' ORDER BY id DESC LIMIT 2"
    assert rows(fleet, newest) == [("finished",), ("lost",)]


def test_a_signal_stops_the_workers_too(fleet):
    fleet.env = {"FLEET_ENTRIES": "4000", "FLEET_PAUSE_S": "0.01"}
    with fleet.workers(2), fleet.start_warming("--mode", "tasks") as run:
        wait_until(lambda: fleet.stored() > 20)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=40)
        assert run.returncode == 5
        report = fleet.report()
        assert (report["outcome"], report["reasons"]["stopped"]) == ("protected", 1)
        assert 0 < report["stored"] == fleet.stored()


def test_a_deadline_holds_for_all_workers(fleet):
    fleet.env = {"FLEET_ENTRIES": "4000", "FLEET_PAUSE_S": "0.01"}
    with fleet.workers(2):
        _, report = fleet.warm("--mode", "tasks", "--deadline", "3")
    assert report["reasons"] == {"deadline": report["skipped"]}
    assert 0 < report["stored"] < 4000
    assert report["planned"] == report["stored"] + report["skipped"]


def test_workers_that_fill_one_store_together_throw_nothing_out(fleet_database, tmp_path):
    with servers.redis(tmp_path, "--maxmemory", "32mb", "--maxmemory-policy", "allkeys-lru") as server:
        theirs = {f"their{number}": "o" * 900 for number in range(2000)}
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            client.mset(theirs)
            fleet = Fleet(tmp_path, fleet_database, server.url, env={"FLEET_ENTRIES": "5000", "FLEET_BYTES": "9000"})
            with fleet.workers(3):
                code, report = fleet.warm("--mode", "tasks")
            assert (code, report["planned"]) == (3, 5000)
            assert report["reasons"] == {"no-room": 5000 - report["stored"]}
            assert report["stored"] > 1500  # of some 2,300 that one alone would store
            assert client.info("stats")["evicted_keys"] == 0
            assert client.mget(theirs) == list(theirs.values())


def test_without_workers_a_run_gives_up(fleet):
    fleet.settings = {"TASKS_PATIENCE_S": 1}
    code, report = fleet.warm("--mode", "tasks")
    assert (code, report["reasons"]) == (3, {"no-worker": 1})


def test_the_deadline_holds_without_workers_too(fleet):
    began = time.monotonic()
    code, report = fleet.warm("--mode", "tasks", "--deadline", "1")
    assert (code, report["reasons"]) == (3, {"deadline": 1})
    assert time.monotonic() - began < 30


@pytest.fixture
def job(own):
    record = RunRecord.begin(
        Report(run_id=new_run_id(), env="", require_coverage=1), strategy=Strategy(), is_needed=True
    )
    return WarmJob.objects.create(run=record.row, warmer="numbers", part=0, parts=1)


def test_a_job_is_done_by_one_worker_only(job):
    assert [worker.do(job.pk), worker.do(job.pk)] == ["done", "not mine"]
    job.refresh_from_db()
    assert (job.state, job.attempts, job.entries, job.result["counted"]["results"]) == ("done", 1, 3, {"stored": 3})


def test_a_worker_that_was_thought_dead_writes_no_result(job):
    slow = worker.JobLease(job.pk, {})
    assert slow.take().pk == job.pk
    assert worker.JobLease(job.pk, {}).take() is None
    WarmJob.objects.update(lease_ends_at="2000-01-01T00:00Z")
    assert worker.do(job.pk) == "done"
    assert slow.renew() is not None
    assert not slow.finish({"counted": "twice"}, 3)
    job.refresh_from_db()
    assert (job.attempts, job.result["counted"]["results"]) == (2, {"stored": 3})


@pytest.mark.parametrize("state", ["stopping", "lost", "finished"])
def test_the_jobs_of_a_run_that_is_over_are_left(job, state):
    WarmRun.objects.update(state=state)
    assert worker.do(job.pk) == "not mine"
    assert cache.get("n0") is None
    job.refresh_from_db()
    assert job.state == "waiting"


def test_a_worker_of_another_release_says_that_it_does_not_know_the_warmer(job):
    WarmJob.objects.update(warmer="gone")
    assert worker.do(job.pk) == "done"
    job.refresh_from_db()
    assert job.result["whole"][0]["reason"] == "warmer-broken"


def test_an_error_gives_the_job_back(job, monkeypatch):
    monkeypatch.setattr(worker, "_batches", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        worker.do(job.pk)
    job.refresh_from_db()
    assert (job.state, job.token, job.attempts) == ("waiting", "", 1)


def test_a_lease_that_is_renewed_tells_how_far_it_is(job):
    lease = worker.JobLease(job.pk, {Result.STORED: 7})
    lease.take()
    assert (lease.renew(), lease.is_stopped) == (None, False)
    job.refresh_from_db()
    assert (job.entries, job.result) == (7, {"results": {"stored": 7}})
    WarmRun.objects.update(state="stopping")
    lease.renew()
    assert lease.is_stopped


def test_without_a_queue_the_jobs_are_done_at_once(own):
    assert command("--mode", "tasks")[1].startswith("4 entries: 3 stored, 1 failed; coverage 0.750: partial")
    assert set(WarmJob.objects.values_list("state", "attempts")) == {("done", 1)}


def test_workers_keep_no_keys(own, tmp_path):
    code, _, error = command("--mode", "tasks", "--outcomes", str(tmp_path / "x"))
    assert (code, error.startswith("--outcomes: workers keep counts")) == (2, True)
