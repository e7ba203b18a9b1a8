"""``CachedPermissionsBackend``: Django's `ModelBackend` with permissions that outlive the request.

Put ``django_hooks.auth.CachedPermissionsBackend`` in place of ``ModelBackend`` in ``AUTHENTICATION_BACKENDS``. Why no
stale grant is served, and what the limits are, stands in `django_hooks.permissions`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.core.cache import BaseCache
from django.db import router
from django.db.models import QuerySet

from django_hooks.permissions import changes, failures
from django_hooks.permissions.entries import (
    Keys,
    Permissions,
    current_tokens,
    keys_for,
    pack,
    sees_all_commits,
    shared_cache,
    store,
    superuser_keys,
    unpack,
)

_ON_USER = {"_user_perm_cache": "user", "_group_perm_cache": "group"}
"""Where `ModelBackend` keeps permissions on the user object → the part that belongs there."""
_QUERIES = {"user": "_get_user_permissions", "group": "_get_group_permissions"}
"""What projects override in `ModelBackend` to compute otherwise; its type stubs leave them out."""


class CachedPermissionsBackend(ModelBackend):
    """Answers as `ModelBackend` does; a subclass may override ``_get_user_permissions`` and the like as there."""

    keeps_permissions: ClassVar[bool] = True

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """See `ModelBackend`; from the cache where it can be believed."""
        if _is_wanted(user_obj, obj):
            _put_on(user_obj, self._load(user_obj))
        return super().get_user_permissions(user_obj, obj)

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """As above."""
        if _is_wanted(user_obj, obj):
            _put_on(user_obj, self._load(user_obj))
        return super().get_group_permissions(user_obj, obj)

    async def aget_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """As above. Cache and database are asked in one visit to the thread that the ORM needs anyway."""
        if _is_wanted(user_obj, obj):
            _put_on(user_obj, await sync_to_async(self._load)(user_obj))
        return await super().aget_user_permissions(user_obj, obj)

    async def aget_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """As above."""
        if _is_wanted(user_obj, obj):
            _put_on(user_obj, await sync_to_async(self._load)(user_obj))
        return await super().aget_group_permissions(user_obj, obj)

    @classmethod
    def path(cls) -> str:
        """What tells this class's entries from another's."""
        return f"{cls.__module__}.{cls.__qualname__}"

    def keys(self, user_obj: Any) -> Keys:
        """Where the permissions of this user are kept."""
        database = _database(user_obj)
        if user_obj.is_superuser:
            return superuser_keys(self.path(), database)
        label = user_obj._meta.concrete_model._meta.label_lower  # noqa: SLF001 - documented by Django
        return keys_for(self.path(), label, database, user_obj.pk)

    def compute(self, user_obj: Any) -> Permissions:
        """The permissions by query, whatever the user object or the cache hold."""
        database = _database(user_obj)
        if user_obj.is_superuser:
            everything = _names(Permission.objects.using(database))
            return Permissions(user=everything, group=everything)
        return Permissions(
            user=_names(self._permissions_from("user", user_obj).using(database)),
            group=_names(self._permissions_from("group", user_obj).using(database)),
        )

    @classmethod
    def computes_as_django(cls) -> bool:
        """Whether permissions come from Django's own tables, so that those of many users can be queried at once."""
        own = (CachedPermissionsBackend.compute, *(getattr(ModelBackend, name) for name in _QUERIES.values()))
        return own == (cls.compute, *(getattr(cls, name) for name in _QUERIES.values()))

    def _permissions_from(self, part: str, user_obj: Any) -> QuerySet[Permission]:
        found: QuerySet[Permission] = getattr(self, _QUERIES[part])(user_obj)
        return found

    def _load(self, user_obj: Any) -> Permissions:
        if (cache := shared_cache()) is None:
            return self.compute(user_obj)
        try:
            found, current = _ask(cache, self.keys(user_obj))
        except Exception as error:  # noqa: BLE001 - a backend, or unpickling, may raise anything: the database decides
            failures.note(failures.UNREADABLE, error)
            return self.compute(user_obj)
        if found is not None:
            return found
        permissions = self.compute(user_obj)
        if current and sees_all_commits(_database(user_obj)):
            store(cache, self.keys(user_obj).entry, pack(permissions, current))
        return permissions


def _ask(cache: BaseCache, keys: Keys) -> tuple[Permissions | None, list[str]]:
    """The permissions, if they can be believed; else the tokens to store them under, none if they must not be."""
    if not changes.catch_up(cache):
        return None, []
    found = cache.get_many([*keys.tokens, keys.entry])
    current = [token for token in current_tokens(cache, keys.tokens, found).values() if token is not None]
    if len(current) < len(keys.tokens):
        return None, []
    return unpack(found.get(keys.entry), current), current


def _is_wanted(user_obj: Any, obj: Any) -> bool:
    """Whether `ModelBackend` would ask the database now."""
    if not user_obj.is_active or user_obj.is_anonymous or obj is not None or user_obj.pk is None:
        return False
    return not all(hasattr(user_obj, name) for name in _ON_USER)


def _put_on(user_obj: Any, permissions: Permissions) -> None:
    for name, part in _ON_USER.items():
        if not hasattr(user_obj, name):
            setattr(user_obj, name, set(getattr(permissions, part)))


def _database(user_obj: Any) -> str:
    # The one that writes: a replica may lag behind the tokens.
    return str(router.db_for_write(type(user_obj), instance=user_obj))


def _names(permissions: QuerySet[Permission]) -> frozenset[str]:
    rows = permissions.values_list("content_type__app_label", "codename").order_by()
    return frozenset(f"{label}.{codename}" for label, codename in rows)
