"""The history of runs in the database: written by the command, looked at in the admin, deleted after `HISTORY_DAYS`.

A site whose database is out of reach, or whose migrations have not run, is warmed all the same; the log says that the
run was not kept.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from django.db import Error as DatabaseError
from django.db import OperationalError, ProgrammingError, transaction
from django.db.models import Q
from django.utils import timezone

from url_manifests.errors import ConfigurationError
from url_manifests.outcomes import Result
from url_manifests.report import Report

from . import conf, stores
from .lock import scope
from .models import WarmRun
from .strategies import Strategy
from .sums import Sums

logger = logging.getLogger(__name__)

MAX_REPORT_BYTES: Final = 64_000
_LONG_FIELDS: Final = ("routes", "examples", "cross_check", "hints")
"""What is left out of a report that is too long for the table, the longest first."""
LOOK_BACK: Final = 20
LOST_AFTER: Final = timedelta(minutes=10)
"""Without a sign of life for so long, a run is called lost."""


class RunRecord:
    """The row of one run; without one when the database could not be asked."""

    def __init__(self, row: WarmRun | None) -> None:
        self.row = row

    @classmethod
    def begin(
        cls, report: Report, *, kind: str = "warm", strategy: Strategy | None = None, is_needed: bool = False
    ) -> RunRecord:
        """Note that a run has begun, and tidy up behind earlier ones.

        Raises:
            ConfigurationError: the row ``is_needed`` and cannot be written.
        """
        if not (conf.get("HISTORY_DAYS") or is_needed):
            return cls(None)
        row = WarmRun(
            run_id=report.run_id[:64],
            kind=kind,
            env=report.env[:64],
            strategy=strategy.name[:64] if strategy else "",
            mode=strategy.mode if strategy else "",
            options=bounded(strategy.document()) if strategy else {},
            holder=f"process {os.getpid()} on {socket.gethostname()}",
            scope=scope(),
            started_at=_local(report.started_at),
            heard_at=_now(),
        )
        try:
            with transaction.atomic():
                _tidy(holds_lock=kind == "warm")
                row.save(force_insert=True)
        except DatabaseError as error:
            if is_needed:
                raise ConfigurationError(
                    "--mode tasks", f"needs this app's tables: {stores.describe(error)}"
                ) from error
            _complain(error)
            return cls(None)
        return cls(row)

    def alive(self, report: Report) -> None:
        """Note how far it is."""
        if self.row is not None:
            WarmRun.objects.filter(pk=self.row.pk).update(heard_at=_now(), **_counts(report))

    def finish(self, report: Report) -> None:
        """Note how it ended."""
        if self.row is None:
            return
        try:
            with transaction.atomic():
                WarmRun.objects.filter(pk=self.row.pk).update(
                    state=WarmRun.State.FINISHED,
                    heard_at=_now(),
                    finished_at=_now(),
                    outcome=report.outcome,
                    exit_code=int(report.exit_code),
                    coverage=report.coverage,
                    report=bounded(report.document()),
                    **_counts(report),
                )
        except DatabaseError as error:
            _complain(error)

    def lose(self) -> None:
        """Note that the run ended with an error that nobody expected."""
        if self.row is not None:
            # That error matters more than this row, which is called lost anyway when no sign of life comes.
            with suppress(DatabaseError), transaction.atomic():
                WarmRun.objects.filter(pk=self.row.pk).update(state=WarmRun.State.LOST, finished_at=_now())


def last_sums() -> dict[str, Sums]:
    """Warmer → what it took when it last had something to write; of the last `LOOK_BACK` runs."""
    found: dict[str, Sums] = {}
    try:
        for report in WarmRun.objects.filter(kind="warm").order_by("-pk").values_list("report", flat=True)[:LOOK_BACK]:
            for name, document in report.get("warmers", {}).items():
                if document.get("written") and name not in found:
                    found[name] = Sums.read(document)
    except DatabaseError as error:
        logger.info("cache_warming.no_history", extra={"error": stores.describe(error)})
    return found


def bounded(document: dict[str, Any]) -> dict[str, Any]:
    """The report as plain JSON of at most `MAX_REPORT_BYTES`; what had to be left out is named under ``left_out``."""
    plain: dict[str, Any] = storable(json.loads(json.dumps(document, default=str)))
    left_out = []
    for name in _LONG_FIELDS:
        if len(json.dumps(plain)) <= MAX_REPORT_BYTES:
            break
        if plain.pop(name, None) is not None:
            left_out.append(name)
    return {**plain, "left_out": left_out} if left_out else plain


def storable(value: Any) -> Any:
    """Plain JSON without what PostgreSQL takes in no text: NUL and half of a surrogate pair are escaped."""
    if isinstance(value, str):
        return stores.printable(value).replace("\0", "\\x00")
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list) else value


def _tidy(*, holds_lock: bool) -> None:
    now = _now()
    is_gone = Q(heard_at__lt=now - LOST_AFTER)
    if holds_lock:
        is_gone |= Q(kind="warm", scope=scope())
    unfinished = (WarmRun.State.RUNNING, WarmRun.State.STOPPING)
    WarmRun.objects.filter(is_gone, state__in=unfinished).update(state=WarmRun.State.LOST)
    WarmRun.objects.filter(started_at__lt=now - timedelta(days=conf.get("HISTORY_DAYS"))).delete()


def _counts(report: Report) -> dict[str, int]:
    return {"planned": report.planned} | {str(result): report.results[result] for result in Result}


def _now() -> Any:
    return timezone.now()  # Naive or aware, as the project's USE_TZ wants it stored.


def _local(moment: Any) -> Any:
    return moment if timezone.is_aware(timezone.now()) else timezone.make_naive(moment)


def _complain(error: Exception) -> None:
    # A project that configures no logging sees the message alone, and this comes before its first migration.
    told = stores.describe(error)
    hint = " (was manage.py migrate run?)" if isinstance(error, OperationalError | ProgrammingError) else ""
    logger.warning("%s: %s%s", "cache_warming.run_not_kept", told, hint, extra={"error": told})
