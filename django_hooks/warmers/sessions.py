"""Warms the sessions of signed-in and other visitors, where the engine keeps them in database and cache: ``cached_db``.

::

    CACHE_WARMING = {"SESSIONS": True}                                # or {"limit": 50_000, "priority": 30}

Each active session is written exactly as the engine itself writes it when a request misses: the project's own
``SessionStore`` (a subclass of Django's, where ``SESSION_ENGINE`` names one) gives key and value, and the rest of the
session's life is the timeout. A session that ends while the run goes on, by logging out say, is taken out again.

The other engines leave nothing to warm, and a check says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from importlib import import_module
from itertools import chain, starmap
from typing import Any, ClassVar, Final, cast

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore
from django.core import signing
from django.db import router
from django.db.models import QuerySet
from django.utils import timezone

from django_hooks import conf
from url_manifests.errors import ConfigurationError, UnknownNameError

from .base import CacheEntry, Category, Warmer
from .key_batches import KeyBatch
from .streaming import streamed_pages

WHY_NOT: Final = {
    "django.contrib.sessions.backends.db": "each request reads the database, and no cache",
    "django.contrib.sessions.backends.cache": "the cache is all there is: what it lost cannot be restored",
    "django.contrib.sessions.backends.file": "each request reads a file, and no cache",
    "django.contrib.sessions.backends.signed_cookies": "the visitor's cookie holds everything",
}
"""Django's other engines, and what makes warming them meaningless."""


class SessionsWarmer(Warmer):
    """Writes the active sessions, newest activity first."""

    name = "sessions"
    category: ClassVar[str] = Category.SESSIONS
    computes_in_bulk = True
    secret_keys = True
    limit: ClassVar[int | None] = None
    """At most so many; ``None`` is all of them."""

    def entries(self) -> Iterator[CacheEntry]:
        """One entry for each session that has not expired, with the rest of its life as timeout.

        Raises:
            ConfigurationError: the engine keeps no session in database and cache.
        """
        return chain.from_iterable(batch.make() for batch in self.key_batches())

    def key_batches(self) -> Iterator[KeyBatch]:
        """The same, some sessions at a time.

        Raises:
            ConfigurationError: as above.
        """
        if problem := engine_problem():
            raise ConfigurationError("SESSION_ENGINE", problem)
        for page in streamed_pages(self.active().order_by("-expire_date")[: self.limit], "expire_date"):
            yield KeyBatch(
                keys=_keys([key for key, _ in page]),
                make=partial(starmap, _entry, page),
                alias=settings.SESSION_CACHE_ALIAS,
                timeout=_store_class()().get_expiry_age(expiry=page[-1][1]),
            )

    def count(self) -> int | None:
        """How many there are, limited as the entries are."""
        return None if engine_problem() else self.active()[: self.limit].count()

    def active(self) -> QuerySet[Any]:
        """The sessions to warm; narrow it down in a subclass, to those of certain users say."""
        return _rows().filter(expire_date__gt=timezone.now())

    def compute_many(self, entries: Sequence[CacheEntry]) -> Mapping[str, Any]:
        """What the engine would store, by cache key; in place of a row that cannot be decoded, the exception."""
        return _values(entries, _rows())

    def changed_meanwhile(self, entries: Sequence[CacheEntry], values: Mapping[str, Any]) -> Iterable[str]:
        """The keys of sessions that were ended or saved anew while they were written.

        Asked of the database that writes: a replica may not have heard of a logout yet.
        """
        rows = _rows()
        now = _values(entries, rows.using(router.db_for_write(rows.model)))
        return [entry.key for entry in entries if entry.key not in now or now[entry.key] != values.get(entry.key)]


def _rows() -> QuerySet[Any]:
    return cast("QuerySet[Any]", _store_class().get_model_class().objects.all())


def _values(entries: Sequence[CacheEntry], rows: QuerySet[Any]) -> dict[str, Any]:
    store = _store_class()()
    wanted = rows.filter(session_key__in=[entry.source for entry in entries])
    data = dict(wanted.values_list("session_key", "session_data"))
    return {entry.key: _decoded(store, data[entry.source]) for entry in entries if entry.source in data}


def _store_class() -> type[CachedStore]:
    return cast("type[CachedStore]", import_module(settings.SESSION_ENGINE).SessionStore)


def _keys(session_keys: Sequence[str]) -> list[str] | None:
    """The cache keys; ``None`` where the engine takes one of them for no session's key."""
    kind = _store_class()
    shared = kind() if kind.__init__ is CachedStore.__init__ else None
    keys = []
    for key in session_keys:
        if shared is None:
            store = kind(key)
        else:
            # Making one looks up cache and serializer each time, which takes longer than all the rest.
            store = shared
            store._session_key = key  # noqa: SLF001 - what its constructor does with a key
        if store.session_key != key:
            return None
        keys.append(store.cache_key)
    return keys


def _entry(key: str, expires_at: datetime) -> CacheEntry:
    store = _store_class()(key)
    if store.session_key != key:
        # The engine would make up a new key in its place, and so never find this row.
        return CacheEntry(key=f"session {key!r}"[:40], problem="the engine does not take this for a session's key")
    return CacheEntry(
        key=store.cache_key,
        source=key,
        alias=settings.SESSION_CACHE_ALIAS,
        timeout=store.get_expiry_age(expiry=expires_at),
    )


def _decoded(store: CachedStore, data: str) -> Any:
    # The engine takes a row that it cannot read for an empty session, and says so only in a log.
    try:
        if type(store).decode is SessionBase.decode:
            return signing.loads(data, salt=store.key_salt, serializer=store.serializer)
        return store.decode(data)
    except Exception as error:  # noqa: BLE001 - a serializer may raise anything; it is the entry's finding
        return error


def engine_problem() -> str:
    """Why the project's sessions cannot be warmed; empty where they can."""
    engine = settings.SESSION_ENGINE
    try:
        store = import_module(engine).SessionStore
    except (ImportError, AttributeError) as error:
        return f"cannot be loaded: {error}"
    if issubclass(store, CachedStore):
        return ""
    reason = WHY_NOT.get(engine, "it is no subclass of Django's cached_db")
    return f"{engine} leaves nothing to warm: {reason}"


_DECLARATION: Final = {"limit": int, "priority": int}


def declared_sessions() -> Iterator[SessionsWarmer]:
    """The warmer that ``CACHE_WARMING["SESSIONS"]`` asks for, if it does.

    Raises:
        ConfigurationError: the declaration is wrong; says what.
    """
    declared = conf.get("SESSIONS")
    if declared is False:
        return
    options = {} if declared is True else declared
    setting = conf.setting_path("SESSIONS")
    for name, value in options.items():
        if name not in _DECLARATION:
            raise UnknownNameError(setting, str(name), _DECLARATION)
        if not isinstance(value, int) or isinstance(value, bool) or (name == "limit" and value < 1):
            raise ConfigurationError(setting, f"{name!r} must be a whole number, is {value!r}")
    yield type("DeclaredSessions", (SessionsWarmer,), dict(options))()
