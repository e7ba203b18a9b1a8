"""Mode ``tasks``: warmers are split into jobs, and any worker of Django's tasks framework, on any machine, takes one.

The queue only says that there is work. What is to be done, by whom, and what came of it stands in this application's
tables, so any backend of the framework will do; one that loses a task, or delivers it twice, does no harm.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import timedelta
from typing import Any, Final

from django.db.models.functions import Now

from django_hooks import conf
from django_hooks.models import WarmJob, WarmRun
from django_hooks.sums import Sums
from django_hooks.warmers import Warmer
from url_manifests.errors import ConfigurationError
from url_manifests.outcomes import Result

from .run import Run, left_out
from .worker import whole_outcome

logger = logging.getLogger(__name__)

POLL_S: Final = 0.5
MAX_ATTEMPTS: Final = 3
SMALL: Final = 1000
"""A warmer that says it has fewer entries is not worth splitting."""
STOPPING_S: Final = 20.0
"""How long a stopped run waits for what its workers have counted."""


def warm(run: Run) -> None:
    """Give everything to workers, and wait for them.

    Raises:
        ConfigurationError: there is no tasks framework, or its backend runs nothing.
    """
    if run.outcomes is not None:
        raise ConfigurationError("--outcomes", "workers keep counts, not keys: use another mode for it")
    task = _task()
    if run.record.row is None:
        raise ConfigurationError("--mode tasks", "needs this app's tables; run migrate")
    jobs = Jobs(run, run.record.row, task)
    try:
        jobs.work()
    except KeyboardInterrupt:
        jobs.stop()
        raise


def _task() -> Any:
    try:
        from .task import warm_job  # noqa: PLC0415 - only this mode needs the framework
    except ImportError as error:
        problem = "needs Django 6.0, or django-tasks on 5.2: pip install 'django-cache-warming[tasks]'"
        raise ConfigurationError("--mode tasks", problem) from error
    except Exception as error:
        raise ConfigurationError(conf.setting_path("TASKS_BACKEND"), str(error)) from error
    backend = warm_job.get_backend()
    if type(backend).__name__ == "DummyBackend":
        raise ConfigurationError(conf.setting_path("TASKS_BACKEND"), "is a DummyBackend, which runs no task")
    return warm_job


class Jobs:
    """The jobs of one run, from when they are created until their results are counted."""

    def __init__(self, run: Run, row: WarmRun, task: Any) -> None:
        self._run = run
        self._row = row
        self._task = task
        self._names = {warmer.name: warmer for warmer in run.warmers}
        self._open: dict[int, WarmJob] = {}
        self._given: dict[int, int] = {}
        """Job → its attempts when it was last given to the queue."""
        self._incomplete = set[str]()
        deadline_s = run.strategy.deadline
        self._ends_at = None if deadline_s is None else time.monotonic() + deadline_s
        self._now = _database_now(self._row)
        """By the database's clock, which is the same for all machines."""
        self._create()

    def _create(self) -> None:
        strategy = self._run.strategy
        if strategy.deadline is not None:
            WarmRun.objects.filter(pk=self._row.pk).update(ends_at=Now() + timedelta(seconds=strategy.deadline))
        jobs = [
            WarmJob(run=self._row, warmer=warmer.name, part=part, parts=parts)
            for warmer in self._run.warmers
            for parts in [_parts(warmer, strategy.parts)]
            for part in range(parts)
        ]
        WarmJob.objects.bulk_create(jobs)
        self._open = {job.pk: job for job in WarmJob.objects.filter(run=self._row).order_by("pk")}

    def work(self) -> None:
        """Wait until all is done, or until nobody seems to do anything."""
        patience_s = conf.get("TASKS_PATIENCE_S")
        heard_at, seen = time.monotonic(), self._signs_of_life()
        while self._open:
            self._give_out()
            self._look()
            if (now := self._signs_of_life()) != seen:
                heard_at, seen = time.monotonic(), now
            elif time.monotonic() - heard_at > patience_s:
                self._give_up("no-worker")
                return
            if self._is_late and not any(self._is_held(job) for job in self._open.values()):
                self._give_up("deadline")
                return
            self._run.check()
            self._run.heed_caches()
            self._run.watcher.tick()
            time.sleep(POLL_S if self._open else 0)

    def stop(self) -> None:
        """Tell the workers to stop, and take what they have counted."""
        WarmRun.objects.filter(pk=self._row.pk).update(state=WarmRun.State.STOPPING)
        ends_at = time.monotonic() + STOPPING_S
        while any(job.state == WarmJob.State.RUNNING for job in self._open.values()) and time.monotonic() < ends_at:
            time.sleep(POLL_S)
            self._look()

    def _signs_of_life(self) -> tuple[Any, ...]:
        return tuple((job.pk, job.attempts, job.lease_ends_at) for job in self._open.values())

    def _give_out(self) -> None:
        """Give jobs to the queue, those whose warmers' dependencies are through: new ones, and those that were lost."""
        waiting = {job.warmer for job in self._open.values()}
        for job in self._open.values():
            if self._is_late or waiting.intersection(self._names[job.warmer].depends_on) or self._is_held(job):
                continue
            if self._given.get(job.pk) != job.attempts and job.attempts < MAX_ATTEMPTS:
                if job.attempts:
                    logger.warning("cache_warming.job_given_again", extra={"job": str(job), "attempts": job.attempts})
                self._given[job.pk] = job.attempts
                self._task.enqueue(job.pk)

    @property
    def _is_late(self) -> bool:
        return self._ends_at is not None and time.monotonic() >= self._ends_at

    def _is_held(self, job: WarmJob) -> bool:
        """Whether a worker is at it, as far as anybody can tell."""
        if job.state != WarmJob.State.RUNNING:
            return False
        return job.lease_ends_at is None or job.lease_ends_at > self._now

    def _look(self) -> None:
        """Read the jobs, and count what is done."""
        self._now = _database_now(self._row)
        for job in WarmJob.objects.filter(pk__in=self._open):
            self._open[job.pk] = job
            if job.state == WarmJob.State.DONE:
                self._count(job)
            elif job.state == WarmJob.State.RUNNING and job.result:
                results = Counter({Result(name): count for name, count in job.result["results"].items()})
                self._run.watcher.replace(job.pk, self._category(job), results)
            if self._is_hopeless(job):
                self._run.take_whole(left_out(self._names[job.warmer], "worker-lost", f"part {job}"))
                self._close(job)

    def _is_hopeless(self, job: WarmJob) -> bool:
        if job.attempts < MAX_ATTEMPTS or job.state == WarmJob.State.DONE:
            return False
        return job.lease_ends_at is None or job.lease_ends_at <= self._now

    def _count(self, job: WarmJob) -> None:
        result = job.result or {}
        counted = result["counted"]
        self._run.report.absorb(counted)
        results = Counter({Result(name): count for name, count in counted["results"].items()})
        self._run.watcher.replace(job.pk, self._category(job), results)
        self._run.sums_of(job.warmer).merge(Sums.read(result["sums"]))
        for document in result["whole"]:
            self._run.take_whole(whole_outcome(job.warmer, document))
        if not result["is_complete"]:
            self._incomplete.add(job.warmer)
        self._close(job)

    def _close(self, job: WarmJob) -> None:
        del self._open[job.pk]
        is_through = all(other.warmer != job.warmer for other in self._open.values())
        if is_through and job.warmer not in self._incomplete:
            self._run.finish_warmer(self._names[job.warmer])

    def _give_up(self, reason: str) -> None:
        self.stop()
        for name in {job.warmer for job in self._open.values()}:
            self._run.take_whole(left_out(self._names[name], reason))
            self._run.finish_warmer(self._names[name])

    def _category(self, job: WarmJob) -> str:
        return str(self._names[job.warmer].category)


def _parts(warmer: Warmer, wanted: int) -> int:
    try:
        count = warmer.count()
    except Exception:
        logger.exception("cache_warming.count_failed", extra={"warmer": warmer.name})
        count = None
    return 1 if count is not None and count < SMALL else wanted


def _database_now(row: WarmRun) -> Any:
    return WarmRun.objects.annotate(now=Now()).values_list("now", flat=True).get(pk=row.pk)
