"""Which cached rows have to forget an instance when it is saved or deleted. One receiver for all models."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol
from weakref import WeakSet

from django.db.models import Model
from django.db.models.signals import post_delete, post_save


class Forgetful(Protocol):
    """What listens: `CachedRows`."""

    @property
    def model(self) -> type[Any]: ...

    def forget(self, row: Any, using: str | None = None) -> None: ...


_LISTENERS: defaultdict[type[Model], WeakSet[Any]] = defaultdict(WeakSet)


def listen(rows: Forgetful) -> None:
    """Have ``rows`` forget what is saved or deleted from now on, in this process."""
    _LISTENERS[_concrete(rows.model)].add(rows)
    post_save.connect(_changed, dispatch_uid="cache_warming.rows_saved")
    post_delete.connect(_changed, dispatch_uid="cache_warming.rows_deleted")


def _changed(sender: type[Model], instance: Model, using: str, created: bool = False, **kwargs: Any) -> None:  # noqa: ARG001, FBT001, FBT002 - a signal's receiver
    if created:
        return  # Nobody can have stored what was not there.
    # A proxy's rows are its model's, and a child's row is also one of each parent.
    for model in (_concrete(sender), *sender._meta.get_parent_list()):  # noqa: SLF001 - documented by Django
        for rows in tuple(_LISTENERS.get(model, ())):
            rows.forget(instance, using=using)


def _concrete(model: type[Model]) -> type[Model]:
    return model._meta.concrete_model or model  # noqa: SLF001 - documented by Django
