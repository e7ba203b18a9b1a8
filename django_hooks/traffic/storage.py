"""The tables that every worker and host adds to, through the ORM alone.

To add is two steps. First rows that are missing are inserted with zeros, conflicts ignored: whoever comes first, the
row is there. Then, in one transaction, the rows are locked, read, and written back in one upsert. Two workers can
neither lose an increment, because both lock first, nor deadlock, because both lock in the order of the key. The steps
are two transactions on purpose: MySQL would hold a shared lock from the ignored insert into the second one. A row of
zeros that a crash leaves behind says nothing wrong.

(An ``UPDATE`` with ``F()`` and a ``CASE`` for each row needs no reading, but Django takes three times as long to
compile it as all of this takes: 330 µs a row against 110 µs on SQLite.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.db import connections, router, transaction
from django.db.models import F, Max, Min, QuerySet, Sum

from django_hooks.models import HourlySum, ObservedExclusion, ObservedTraffic

from .observed import Row

SUMS: Final[dict[type[HourlySum], tuple[str, ...]]] = {
    ObservedTraffic: ("cold_hits", "cold_ms", "warm_hits", "warm_ms", "signed_in_hits"),
    ObservedExclusion: ("hits",),
}
"""The fields that are added up; all others say what a row is the sum of."""

TRIM_AT: Final = 1.25
"""An hour's rows may exceed the limit by this factor before the lightest are deleted, so that this is rare."""

_DELETE_BATCH: Final = 500
_READ_BATCH: Final = 2000


def _rows(model: type[HourlySum]) -> QuerySet[Any]:
    return model._base_manager.using(router.db_for_write(model))  # noqa: SLF001 - documented: a manager nobody replaced


def add(rows: Sequence[HourlySum]) -> None:
    """Add the sums of ``rows``, all of one model, to the table.

    Raises:
        django.db.Error: nothing was added.
    """
    model = type(rows[0])
    table = _rows(model).filter(pk__in=[row.digest for row in rows])
    known = set(table.values_list("pk", flat=True))
    missing = [_with_sums(row, {}) for row in rows if row.digest not in known]
    _rows(model).bulk_create(sorted(missing, key=_digest), ignore_conflicts=True)
    features = connections[table.db].features
    with transaction.atomic(using=table.db):
        if not features.has_select_for_update:
            # SQLite has one lock for all, and gives it to a transaction that begins by writing. One that had read
            # first would find its snapshot outdated, and fail.
            table.update(hour=F("hour"))
        held = {row["pk"]: row for row in table.order_by("pk").select_for_update().values("pk", *SUMS[model])}
        _rows(model).bulk_create(
            [_with_sums(row, held.get(row.digest, {}), row) for row in sorted(rows, key=_digest)],
            update_conflicts=True,
            update_fields=SUMS[model],
            unique_fields=["digest"] if features.supports_update_conflicts_with_target else None,
        )


def _digest(row: HourlySum) -> str:
    return row.digest


def _with_sums(row: HourlySum, held: Mapping[str, Any], added: HourlySum | None = None) -> HourlySum:
    """A copy of ``row`` with the sums of ``held`` and ``added`` together."""
    fields = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}  # noqa: SLF001 - documented
    sums = {name: held.get(name, 0) + (getattr(added, name) if added else 0) for name in SUMS[type(row)]}
    return type(row)(**{**fields, **sums})


def trim(hour: int, max_rows: int) -> int:
    """Delete the lightest rows of an hour that has far more than ``max_rows``; how many requests they stood for."""
    rows = _rows(ObservedTraffic).filter(hour=hour)
    excess = rows.count() - max_rows
    if excess <= (TRIM_AT - 1) * max_rows:
        return 0
    weighed = rows.annotate(weight=F("cold_hits") + F("warm_hits")).order_by("weight", "pk")
    lightest = list(weighed.values_list("pk", "weight")[:excess])
    for start in range(0, excess, _DELETE_BATCH):
        batch = [pk for pk, _ in lightest[start : start + _DELETE_BATCH]]
        _rows(ObservedTraffic).filter(pk__in=batch).delete()
    return sum(weight for _, weight in lightest)


def prune(before: int) -> int:
    """Delete all hours before one; how many rows that were."""
    return sum(_rows(model).filter(hour__lt=before).delete()[0] for model in SUMS)


def window(days: int) -> tuple[int, int] | None:
    """First and last hour, since 1970, of the last so many days that were recorded; ``None`` when nothing was."""
    last = _rows(ObservedTraffic).aggregate(Max("hour"))["hour__max"]
    if last is None:
        return None
    recent = _rows(ObservedTraffic).filter(hour__gt=last - days * 24)
    return recent.aggregate(Min("hour"))["hour__min"], last


def read(first_hour: int) -> Iterator[Row]:
    """The rows from an hour on, streamed, by host and URL; equal ones stand together and always in the same order."""
    rows = _rows(ObservedTraffic).filter(hour__gte=first_hour).order_by("host", "url", "hour", "pk")
    return (Row(*values) for values in rows.values_list(*Row._fields).iterator(_READ_BATCH))


def exclusions(first_hour: int) -> dict[str, int]:
    """Requests that were not kept by URL, from an hour on, by rule."""
    rows = _rows(ObservedExclusion).filter(hour__gte=first_hour).order_by()
    return dict(rows.values_list("rule").annotate(Sum("hits")))
