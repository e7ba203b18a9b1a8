"""Entries: their keys, what is in them, and when one may be believed or stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from django.core.cache import BaseCache, caches
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_hooks import conf, stores

from . import failures, tokens

_PLAIN: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Permissions:
    """``app_label.codename`` of what a user may do, by where it comes from."""

    user: frozenset[str]
    group: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Where the permissions of one user are found."""

    entry: str
    tokens: tuple[str, ...]
    """Which tokens the entry is under."""


def keys_for(backend: str, model: str, database: str, user_pk: object) -> Keys:
    """The keys of a user without superuser rights.

    Args:
        backend: dotted path of the class that computes; two may compute differently.
        model: label of the user's model.
        database: alias of the database that the user is written to.
        user_pk: any primary key.
    """
    (entry,) = entry_keys(backend, model, database, [tokens.pk_text(user_pk)])
    return Keys(entry=entry, tokens=(tokens.everybody(database), tokens.shard(database, user_pk)))


def entry_keys(backend: str, model: str, database: str, user_pks: Iterable[object]) -> list[str]:
    """`Keys.entry` of many users; primary keys as the database gives them, or as `tokens.pk_text` spells them."""
    head = f"{tokens.PREFIX}:{database}:{backend}:{model}:"
    return [head + (str(pk) if type(pk) is int else _name(str(pk))) for pk in user_pks]


def _name(text: str) -> str:
    if _PLAIN.fullmatch(text):  # Memcached takes neither spaces nor long keys
        return text
    return blake2b(text.encode(), digest_size=16).hexdigest() + ":hashed"


def superuser_keys(backend: str, database: str) -> Keys:
    """The keys of what all superusers share: every permission there is."""
    return Keys(
        entry=f"{tokens.PREFIX}:{database}:{backend}:superuser",
        tokens=(tokens.everybody(database),),
    )


def shared_cache() -> BaseCache | None:
    """The cache that permissions are kept in; ``None`` when its entries are this process's own.

    Nobody could take those back: a revocation elsewhere would not be seen until they expire.
    """
    cache = caches[conf.get("PERMISSIONS_ALIAS")]
    return None if stores.keeps_to_itself(cache) else cache


def pack(permissions: Permissions, current: Sequence[str]) -> dict[str, Any]:
    """An entry in plain types, which every serializer takes; ``current`` are the tokens from before the query."""
    return {"tokens": list(current), "user": sorted(permissions.user), "group": sorted(permissions.group)}


def unpack(entry: Any, current: Sequence[str]) -> Permissions | None:
    """What is in an entry, or ``None`` when it is under other tokens, or is no entry."""
    if not is_usable(entry, current):
        return None
    return Permissions(user=frozenset(entry["user"]), group=frozenset(entry["group"]))


def is_usable(entry: Any, current: Sequence[str]) -> bool:
    """Whether `unpack` gives what is in an entry."""
    if not isinstance(entry, dict) or entry.get("tokens") != list(current):
        return False
    user, group = entry.get("user"), entry.get("group")
    return isinstance(user, list) and isinstance(group, list) and set(map(type, user + group)) <= {str}


def current_tokens(cache: BaseCache, keys: Iterable[str], found: Mapping[str, Any]) -> dict[str, str | None]:
    """The tokens by key, those that are missing in ``found`` made anew; ``None`` under which nothing may be stored."""
    return {key: tokens.usable(found[key]) if key in found else tokens.create(cache, key) for key in keys}


def sees_all_commits(database: str) -> bool:
    """Whether a query sees what was committed before it began, so that what it gives is no older than the tokens."""
    connection = connections[database]
    if connection.get_autocommit():
        return True
    return _isolation(connection) == "read committed"


def _isolation(connection: BaseDatabaseWrapper) -> str:
    if connection.vendor == "postgresql":
        # The server's own default, and SET TRANSACTION, are seen only by asking.
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_isolation')")
            return str(cursor.fetchone()[0])
    # Django sets MySQL's and MariaDB's itself with each connection; elsewhere it is unknown.
    return str(getattr(connection, "isolation_level", "")) if connection.vendor == "mysql" else ""


def store(cache: BaseCache, key: str, entry: dict[str, Any]) -> None:
    """Write an entry; a failure costs the next request a query, and is counted."""
    try:
        cache.set(key, entry, conf.get("PERMISSIONS_TIMEOUT_S"))
    except Exception as error:  # noqa: BLE001 - a backend may raise anything; the permissions are known without it
        failures.note(failures.NOT_STORED, error)
