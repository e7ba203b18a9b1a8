"""Which changes of Django's auth models take whose entries back.

A user's own row is not among them: ``is_active`` and ``is_superuser`` are never taken from the cache. Its deletion is:
a later user might get the same primary key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import BaseCache, caches
from django.core.cache.backends.db import BaseDatabaseCache
from django.core.signals import setting_changed
from django.db import connections, models, router
from django.db.models.signals import m2m_changed, post_delete, post_migrate, post_save, pre_delete, pre_save
from django.utils.module_loading import import_string

from django_hooks import conf

from . import changes

_Affected = Callable[[str, Any], list[str]]


def cached_backends() -> list[str]:
    """The dotted paths in ``AUTHENTICATION_BACKENDS`` that keep permissions in the cache."""
    if not apps.is_installed("django.contrib.auth"):
        return []  # The setting's default names a backend that cannot even be imported then.
    return [path for path in settings.AUTHENTICATION_BACKENDS if _is_cached(path)]


def _is_cached(path: str) -> bool:
    try:
        backend = import_string(path)
    except ImportError:
        return False  # Django names it as soon as anybody signs in.
    return isinstance(backend, type) and bool(getattr(backend, "keeps_permissions", False))


def connect() -> None:
    """Listen, if a backend needs it; listeners make deletions slower, so nobody else gets them."""
    setting_changed.connect(_reconnect, dispatch_uid="cache_warming.permissions")
    if not cached_backends():
        return
    user = get_user_model()
    rights = tuple(apps.get_model(name) for name in ("auth.Permission", "auth.Group", "contenttypes.ContentType"))
    for model in apps.get_models():  # a proxy sends its own signals, not those of its model
        if issubclass(model, rights):
            _listen(model, _everybody, on_save=True)
        elif issubclass(model, user):
            _listen(model, _one_user, on_save=False)
    for model, name in ((user, "user_permissions"), (user, "groups"), (apps.get_model("auth.Group"), "permissions")):
        if (through := getattr(getattr(model, name, None), "through", None)) is not None:
            _listen_to_links(through, _everybody if name == "permissions" else None)
    post_migrate.connect(_migrated, dispatch_uid="cache_warming.permissions")


def _reconnect(*, setting: str, **_kwargs: Any) -> None:
    if setting == "AUTHENTICATION_BACKENDS":
        connect()


def _everybody(using: str, _instance: Any) -> list[str]:
    return changes.everybody(using)


def _one_user(using: str, instance: Any) -> list[str]:
    return changes.of_users(using, [instance.pk])


def _listen(sender: type[models.Model], affected: _Affected, *, on_save: bool) -> None:
    def before(instance: Any, using: str, **_kwargs: Any) -> None:
        changes.before(affected(using, instance), using)

    def after(instance: Any, using: str, **_kwargs: Any) -> None:
        changes.after(affected(using, instance), using)

    uid = f"cache_warming.permissions.{sender._meta.label_lower}"  # noqa: SLF001 - documented by Django
    saved = ((pre_save, before), (post_save, after)) if on_save else ()
    for signal, receiver in (*saved, (pre_delete, before), (post_delete, after)):
        signal.connect(receiver, sender=sender, weak=False, dispatch_uid=uid)


def _listen_to_links(through: type[models.Model], affected: _Affected | None) -> None:
    meta = through._meta  # noqa: SLF001 - documented by Django
    uid = f"cache_warming.permissions.{meta.label_lower}"
    receiver = _links_of_groups if affected is not None else _links_of_users
    m2m_changed.connect(receiver, sender=through, dispatch_uid=uid)
    if not meta.auto_created:
        # A project's own table between users and groups is written like any other model.
        _listen(through, _everybody, on_save=True)


def _links_of_groups(*, action: str, using: str, **_kwargs: Any) -> None:
    _step(action, changes.everybody(using), using)


def _links_of_users(
    *, action: str, using: str, instance: Any, reverse: bool, pk_set: set[Any] | None, **_kwargs: Any
) -> None:
    if not reverse:
        keys = changes.of_users(using, [instance.pk])
    elif pk_set is None:  # group.user_set.clear() does not say whom it takes out
        keys = changes.everybody(using)
    else:
        keys = changes.of_users(using, pk_set)
    _step(action, keys, using)


def _step(action: str, keys: list[str], using: str) -> None:
    if action.startswith("pre_"):
        changes.before(keys, using)
    else:
        changes.after(keys, using)


def _migrated(sender: AppConfig, using: str, **_kwargs: Any) -> None:
    """Migrations create permissions in bulk and change rows by historical models: neither sends signals."""
    if sender.label == "auth" and not _is_without_table(caches[conf.get("PERMISSIONS_ALIAS")]):
        changes.invalidate_permissions(using=using)


def _is_without_table(cache: BaseCache) -> bool:
    """Whether a database cache has no table yet: it often is created after the first migration."""
    if not isinstance(cache, BaseDatabaseCache):
        return False
    connection = connections[router.db_for_write(cache.cache_model_class)]
    with connection.cursor() as cursor:
        table: str = cache._table  # type: ignore[attr-defined]  # noqa: SLF001 - the setting LOCATION
        return table not in connection.introspection.table_names(cursor)
