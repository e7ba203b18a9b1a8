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

    def forget_pk(self, pk: Any, using: str | None = None) -> None: ...

    def note_new(self, pk: Any, using: str | None = None) -> None: ...


_LISTENERS: defaultdict[type[Model], WeakSet[Any]] = defaultdict(WeakSet)


def listen(rows: Forgetful) -> None:
    """Have ``rows`` forget what is saved or deleted from now on, in this process."""
    meta = rows.model._meta  # noqa: SLF001 - documented by Django
    # What a row inherits may be changed by its parent's own model. A second parent's has another primary key.
    parents = [model for model in meta.get_parent_list() if _shares_key(rows.model, model)]
    for model in (_concrete(rows.model), *parents):
        _LISTENERS[model].add(rows)
    post_save.connect(_changed, dispatch_uid="cache_warming.rows_saved")
    post_delete.connect(_changed, dispatch_uid="cache_warming.rows_deleted")


def _changed(sender: type[Model], instance: Model, using: str, created: bool = False, **kwargs: Any) -> None:  # noqa: ARG001, FBT001, FBT002 - a signal's receiver
    # A proxy's rows are its model's, and a child's row is also one of each parent.
    models = (_concrete(sender), *sender._meta.get_parent_list())  # noqa: SLF001 - documented by Django
    for rows in {rows for model in models for rows in tuple(_LISTENERS.get(model, ()))}:
        pk = _pk_as(rows.model, instance)
        # Nobody can have stored what was not there.
        rows.note_new(pk, using=using) if created else rows.forget_pk(pk, using=using)


def _shares_key(model: type[Model], parent: type[Model]) -> bool:
    link = model._meta.get_ancestor_link(parent)  # noqa: SLF001 - documented by Django
    return link is not None and link.primary_key


def _pk_as(model: type[Model], instance: Model) -> Any:
    """The primary key of the row of ``model`` that an instance is part of, or has as a part."""
    link = instance._meta.get_ancestor_link(_concrete(model))  # noqa: SLF001 - documented by Django
    return instance.pk if link is None else getattr(instance, link.attname)


def _concrete(model: type[Model]) -> type[Model]:
    return model._meta.concrete_model or model  # noqa: SLF001 - documented by Django
