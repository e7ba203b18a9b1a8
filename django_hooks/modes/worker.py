"""What a worker does with a job: take it, renew its lease while it works, and write the result if it is still its own.

Whoever changes the job's token holds the lease. So of two workers that got the same job (a queue may deliver twice, and
a job whose lease ran out is given out again) only the one that took it last can write a result, and a worker that was
thought dead and wakes up finds the other's token and leaves. Counts are written once, with the result: what a killed
worker had counted is dropped with it, and what it had written to the caches is found there by its successor.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from django_hooks import conf
from django_hooks.engine import BatchResult, Engine
from django_hooks.engine.plan import failure
from django_hooks.history import storable
from django_hooks.leases import Holder
from django_hooks.lock import RunGuard
from django_hooks.models import WarmJob, WarmRun
from django_hooks.narrowing import as_whole, through
from django_hooks.strategies import Strategy
from django_hooks.sums import Sums
from django_hooks.warmers import Warmer
from django_hooks.warmers.key_batches import KeyBatch
from django_hooks.warmers.registry import project_warmers
from url_manifests.errors import AnotherRunError
from url_manifests.outcomes import Outcome, Result
from url_manifests.report import Report

from .steps import Planner, run_options
from .sync import batches

logger = logging.getLogger(__name__)

BEAT_S: Final = 3.0
"""How often, at least, a worker tells how far it is and asks whether it shall stop."""


class JobLease:
    """The right to write a job's result. ``results`` is read with each renewal, and shown to whoever waits."""

    def __init__(self, job_id: int, results: Mapping[Result, int]) -> None:
        self._job_id = job_id
        self._mark: dict[str, Any] = {"token": secrets.token_hex(16), "state": WarmJob.State.RUNNING}
        self._results = results
        self._ttl = timedelta(seconds=conf.get("TASKS_LEASE_S"))
        self.is_stopped = False
        """Whether the run wants nothing more."""

    def take(self) -> WarmJob | None:
        """The job, if it is to be had."""
        is_free = Q(state=WarmJob.State.WAITING) | Q(state=WarmJob.State.RUNNING, lease_ends_at__lte=Now())
        is_taken = WarmJob.objects.filter(is_free, pk=self._job_id).update(
            **self._mark, attempts=F("attempts") + 1, lease_ends_at=Now() + self._ttl
        )
        if not is_taken:
            return None
        job = WarmJob.objects.select_related("run").get(pk=self._job_id)
        if job.run.state != WarmRun.State.RUNNING:
            self.give_back()
            return None
        return job

    @property
    def _mine(self) -> QuerySet[WarmJob]:
        return WarmJob.objects.filter(pk=self._job_id, **self._mark)

    def renew(self) -> Holder | None:
        """Keep it; somebody, whoever that is, when it is another's."""
        done = sum(self._results.values())
        values = {"entries": done, "result": {"results": dict(self._results)}, "lease_ends_at": Now() + self._ttl}
        if not self._mine.update(**values):
            return Holder(host="another machine", pid=0)
        self.is_stopped = not WarmRun.objects.filter(jobs=self._job_id, state=WarmRun.State.RUNNING).exists()
        return None

    def finish(self, result: dict[str, Any], entries: int) -> bool:
        """Write the result; False when that is another's business now."""
        done = {"state": WarmJob.State.DONE, "entries": entries, "result": result, "lease_ends_at": None}
        return bool(self._mine.update(**done))

    def give_back(self) -> None:
        """Leave the job to another."""
        self._mine.update(state=WarmJob.State.WAITING, token="", lease_ends_at=None)


def do(job_id: int) -> str:
    """Do a job: ``done``, ``stopped`` when it was cut short, ``not mine`` when it is another's or nobody wants it."""
    report, sums = Report(run_id="", env="", require_coverage=0), Sums()
    lease = JobLease(job_id, report.results)
    if (job := lease.take()) is None:
        return "not mine"
    told = {"run_id": job.run.run_id, "job": str(job), "attempt": job.attempts}
    logger.info("cache_warming.job_started", extra=told)
    try:
        guard = RunGuard([lease], conf.get("TASKS_LEASE_S"), BEAT_S)
        with guard.beating(), sums.counting_queries():
            whole = _work(job, lease, guard, report, sums)
    except AnotherRunError:
        logger.warning("cache_warming.job_lost", extra=told)
        return "not mine"
    except BaseException:
        lease.give_back()
        raise
    result = {"counted": report.counted(), "whole": whole, "sums": sums.document(), "is_complete": not lease.is_stopped}
    is_kept = lease.finish(storable(result), report.planned)
    logger.info("cache_warming.job_done", extra=told | {"entries": report.planned, "is_kept": is_kept})
    return "not mine" if not is_kept else "stopped" if lease.is_stopped else "done"


def _work(job: WarmJob, lease: JobLease, guard: RunGuard, report: Report, sums: Sums) -> list[dict[str, Any]]:
    """Count what comes of the job's part; the outcomes that are of the whole warmer are returned instead."""
    whole: list[dict[str, Any]] = []
    for batch in _batches(job, lease):
        guard.check()
        sums.add(batch)
        for result, (count, weight) in batch.plain().items():
            report.add_many(result, count, weight)
        for outcome in batch.exceptional():
            if outcome.url == f"{job.warmer}:*":
                whole.append({"reason": outcome.reason, "detail": outcome.detail, "result": outcome.result})
            else:
                report.add(outcome)
    return whole


class _WhileWanted:
    """Lets entries pass while the run goes on; what has passed is warmed and counted."""

    def __init__(self, lease: JobLease) -> None:
        self._lease = lease

    @property
    def is_closed(self) -> bool:
        return self._lease.is_stopped

    def admit(self, entry: Any) -> Any:
        return None if self._lease.is_stopped else entry

    def narrow(self, batch: KeyBatch) -> KeyBatch:
        return as_whole(batch, self)


def _batches(job: WarmJob, lease: JobLease) -> Iterator[BatchResult]:
    strategy = Strategy.from_document(job.run.options)
    warmer = _warmer(job.warmer)
    if warmer is None:
        yield _alone(job, failure(job.warmer, "warmer-broken", "the worker's release has no such warmer"))
        return
    step = Planner(strategy=strategy, part=job.part, parts=job.parts).step(warmer)
    step.warmer = through(step.warmer, _WhileWanted(lease))
    yield from batches(Engine(run_options(strategy, _left_s(job.run), _writers(job))), step)
    if (cut := step.cut_short()) is not None:
        yield _alone(job, cut)


def _writers(job: WarmJob) -> int:
    """How many jobs write at the same time, this one included: those that run, and its other parts, about to begin."""
    return max(job.parts, WarmJob.objects.filter(run=job.run_id, state=WarmJob.State.RUNNING).count())


def _alone(job: WarmJob, outcome: Outcome) -> BatchResult:
    return BatchResult(job.warmer, "", [outcome])


def _warmer(name: str) -> Warmer | None:
    return next((warmer for warmer in project_warmers() if warmer.name == name), None)


def _left_s(run: WarmRun) -> float | None:
    """Seconds that are left of the run, by the database's clock, which is the same for all machines."""
    if run.ends_at is None:
        return None
    now = WarmRun.objects.annotate(now=Now()).values_list("now", flat=True).get(pk=run.pk)
    return float((run.ends_at - now).total_seconds())


def whole_outcome(warmer: str, document: Mapping[str, Any]) -> Outcome:
    """An outcome of the whole warmer, as a result holds it."""
    result = Result(document["result"])
    return Outcome(url=f"{warmer}:*", result=result, reason=document["reason"], detail=document["detail"], weight=1)
