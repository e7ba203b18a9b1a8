"""Warms what `django_hooks.auth.CachedPermissionsBackend` reads: one query for each batch of users."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import chain
from typing import Any, ClassVar, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.db.models import F, QuerySet, Value
from django.utils.module_loading import import_string

from django_hooks import conf
from django_hooks.backends import Store, open_store
from django_hooks.permissions import changes, liveness, tokens
from django_hooks.permissions.entries import (
    Keys,
    Permissions,
    current_tokens,
    entry_keys,
    is_usable,
    keys_for,
    pack,
    sees_all_commits,
    shared_cache,
    superuser_keys,
)
from django_hooks.permissions.signals import cached_backends

from .base import CacheEntry, Category, Warmer
from .key_batches import KeyBatch, chunked

_CHUNK: Final = 2_000
"""Users that are fetched at a time while all are streamed."""
_RIGHTS_S: Final = 60
"""How long the permissions of all groups are used for further batches, while nobody changes any."""

Names = frozenset[str]


class _Source(Enum):
    """What an entry is about, where it is not one user."""

    SUPERUSERS = "superusers"


class PermissionsNotStableError(Exception):
    """Permissions are being changed, or an old snapshot would be read: nothing may be stored now."""


@dataclass(frozen=True, slots=True)
class _Rights:
    """What all users' permissions are made of, under the token that was current before."""

    token: str
    read_at_s: float
    names: dict[Any, str]
    of_group: dict[Any, Names]


class PermissionsWarmer(Warmer):
    """The permissions of active users, those who signed in last first; and what superusers share."""

    category: ClassVar[str] = Category.PERMISSIONS
    computes_in_bulk: ClassVar[bool] = True
    backend: ClassVar[Any]
    """An instance of the authentication backend."""

    def __init__(self) -> None:
        self._known = _Rights("", 0.0, {}, {})

    def entries(self) -> Iterator[CacheEntry]:
        """One entry for each user, and the one of all superusers; looks at no cache."""
        return chain.from_iterable(batch.make() for batch in self.key_batches())

    def key_batches(self) -> Iterator[KeyBatch]:
        """The same, some users at a time."""
        path, database, label = self.backend.path(), _database(), _label()
        yield _batch([superuser_keys(path, database).entry], [_Source.SUPERUSERS])
        for pks in chunked(_recent_first(database).values_list("pk", flat=True).iterator(chunk_size=_CHUNK)):
            yield _batch(entry_keys(path, label, database, pks), pks)

    def outdated(self, entries: Sequence[CacheEntry]) -> Collection[str]:
        """The keys of what is there, but under tokens that are not current any more."""
        if shared_cache() is None:
            return ()
        with closing(open_store(conf.get("PERMISSIONS_ALIAS"))) as store:
            under = _current(store, [entry.source for entry in entries])
            return liveness.dead_in(store, [entry.key for entry in entries], under)

    def changed_meanwhile(self, entries: Sequence[CacheEntry], values: Mapping[str, Any]) -> Iterable[str]:
        """The keys of what was dead when it was written. Nobody would have believed it, but it is not warm either."""
        if shared_cache() is None:
            return ()
        with closing(open_store(conf.get("PERMISSIONS_ALIAS"))) as store:
            current = zip(entries, _current(store, [entry.source for entry in entries]), strict=True)
            return [entry.key for entry, under in current if not is_usable(values.get(entry.key), under)]

    def compute_many(self, entries: Sequence[CacheEntry]) -> Mapping[str, Any]:
        """What to store, under the tokens that were current before anything was queried."""
        database = _database()
        cache = shared_cache()
        if cache is None or not changes.catch_up(cache) or not sees_all_commits(database):
            raise PermissionsNotStableError("the cache takes no fresh tokens, or a transaction is open")
        keys = self._keys(entries)
        wanted = _tokens_of(keys.values())
        current = current_tokens(cache, wanted, cache.get_many(wanted))
        permissions = self._permissions(database, [entry.source for entry in entries], current)
        packed: dict[str, Any] = {}
        for entry in entries:
            if entry.source in permissions:
                under = [current[key] for key in keys[entry.key].tokens]
                packed[entry.key] = _packed(permissions[entry.source], under)
        return packed

    def _namer(self) -> Callable[[Any], Keys]:
        """A function from an entry's source to its keys; what is the same for all is looked up once."""
        path, database, label = self.backend.path(), _database(), _label()
        superusers = superuser_keys(path, database)
        return lambda pk: superusers if pk is _Source.SUPERUSERS else keys_for(path, label, database, pk)

    def _keys(self, entries: Iterable[CacheEntry]) -> dict[str, Keys]:
        keys = self._namer()
        return {entry.key: keys(entry.source) for entry in entries}

    def _permissions(
        self, database: str, sources: Sequence[Any], current: Mapping[str, str | None]
    ) -> dict[Any, Permissions]:
        """Permissions by primary key; users who are gone are left out."""
        pks = [pk for pk in sources if pk is not _Source.SUPERUSERS]
        users = _users(database).filter(pk__in=pks)
        if not pks:
            found = {}
        elif self.backend.computes_as_django():
            found = self._in_bulk(users, current.get(tokens.everybody(database)))
        else:
            found = {user.pk: self.backend.compute(user) for user in users}
        if _Source.SUPERUSERS in sources:
            everything = frozenset(_names(apps.get_model("auth.Permission").objects.using(database)))
            found[_Source.SUPERUSERS] = Permissions(user=everything, group=everything)
        return found

    def _in_bulk(self, users: QuerySet[Any], token: str | None) -> dict[Any, Permissions]:
        names, of_group = self._rights(users.db, token)
        groups: dict[Any, list[Names]] = defaultdict(list)
        direct: dict[Any, set[str]] = defaultdict(set)
        memberships = users.order_by().values_list("pk", Value("group"), "groups")
        own = users.order_by().filter(user_permissions__isnull=False)
        for pk, kind, target in memberships.union(
            own.values_list("pk", Value("permission"), "user_permissions"), all=True
        ):
            if kind == "permission":
                direct[pk].update(filter(None, [names.get(target)]))
            else:  # without any group there is one row all the same, which tells that the user is there
                groups[pk].append(of_group.get(target, frozenset()))
        return {pk: Permissions(user=frozenset(direct[pk]), group=frozenset().union(*groups[pk])) for pk in groups}

    def _rights(self, database: str, token: str | None) -> tuple[dict[Any, str], dict[Any, Names]]:
        """The names of all permissions, and those of each group; good for as long as their token is current."""
        known = self._known
        if token is None or known.token != token or time.monotonic() - known.read_at_s > _RIGHTS_S:
            self._known = known = _read_rights(database, token or "")
        return known.names, known.of_group


def permission_warmers() -> Iterator[PermissionsWarmer]:
    """A warmer for each backend in ``AUTHENTICATION_BACKENDS`` that keeps permissions in a cache."""
    for number, path in enumerate(cached_backends()):
        attributes = {
            "name": "permissions" if number == 0 else f"permissions:{path}",
            "alias": conf.get("PERMISSIONS_ALIAS"),
            "timeout": conf.get("PERMISSIONS_TIMEOUT_S"),
            "backend": import_string(path)(),
        }
        yield type("BackendPermissions", (PermissionsWarmer,), attributes)()


def _read_rights(database: str, token: str) -> _Rights:
    read_at_s = time.monotonic()
    everything = apps.get_model("auth.Permission").objects.using(database).order_by()
    rows = everything.values_list("pk", "content_type__app_label", "codename")
    names = {pk: f"{label}.{codename}" for pk, label, codename in rows}
    groups: dict[Any, set[str]] = defaultdict(set)
    for group, pk in everything.filter(group__isnull=False).values_list("group", "pk"):
        # One that was made since is missing; so are those that were made a moment later.
        groups[group].update(filter(None, [names.get(pk)]))
    return _Rights(token, read_at_s, names, {group: frozenset(found) for group, found in groups.items()})


def _packed(permissions: Permissions, current: Sequence[str | None]) -> Any:
    under = [token for token in current if token is not None]
    if len(under) < len(current):
        return PermissionsNotStableError("a change of permissions is under way")
    return pack(permissions, under)


def _tokens_of(keys: Iterable[Keys]) -> list[str]:
    return sorted({token for each in keys for token in each.tokens})


def _recent_first(database: str) -> QuerySet[Any]:
    users = _users(database).order_by("pk")
    for name, value in (("is_active", True), ("is_superuser", False)):
        if _has_field(name):
            users = users.filter(**{name: value})
    if _has_field("last_login"):
        users = users.order_by(F("last_login").desc(nulls_last=True), "pk")
    return users


def _users(database: str) -> QuerySet[Any]:
    return get_user_model()._default_manager.using(database)  # noqa: SLF001 - as ModelBackend


def _has_field(name: str) -> bool:
    try:
        get_user_model()._meta.get_field(name)  # noqa: SLF001 - documented by Django
    except FieldDoesNotExist:
        return False
    return True


def _current(store: Store, sources: Iterable[Any]) -> list[liveness.Under]:
    return liveness.current(store, _database(), [None if pk is _Source.SUPERUSERS else pk for pk in sources])


def _are_current(store: Store, keys: Sequence[str], sources: Sequence[Any]) -> bool:
    return not liveness.dead_in(store, keys, _current(store, sources))


def _batch(keys: Sequence[str], sources: Sequence[Any]) -> KeyBatch:
    def make() -> Iterator[CacheEntry]:
        return (CacheEntry(key=key, source=source) for key, source in zip(keys, sources, strict=True))

    return KeyBatch(keys=keys, make=make, are_sound=partial(_are_current, keys=keys, sources=sources))


def _label() -> str:
    return str(get_user_model()._meta.label_lower)  # noqa: SLF001 - documented by Django


def _database() -> str:
    return str(router.db_for_write(get_user_model()))


def _names(permissions: QuerySet[Any]) -> Iterator[str]:
    for label, codename in permissions.values_list("content_type__app_label", "codename").order_by():
        yield f"{label}.{codename}"
