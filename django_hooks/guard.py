"""Watches, or refuses, what ticketed requests write to the site's databases.

A GET that a crawler sends should change nothing; sites do it all the same (an image rendition made on first sight, a
view counter). What is surprising here:

- A view may run in another thread than the middleware (``sync_to_async``), with connections of that thread, some of
  which are opened only then. So the listener is put on *every* connection of the process for the time of the request,
  and on those that open meanwhile. It asks a context variable whose request it is in, which asgiref carries into
  threads, so that a visitor's statements pass through. Without a ticketed request under way no connection has one.
- It goes first in ``execute_wrappers``, and leaves by identity: Django's own ``execute_wrapper()`` takes away the last.
- A thread that a view starts by itself (``threading.Thread``) has no context and is not seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from threading import Lock
from typing import Any, Final
from weakref import WeakSet

from django.apps import apps
from django.conf import settings
from django.core.cache.backends.db import BaseDatabaseCache
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.module_loading import import_string

from url_manifests.errors import ConfigurationError, WriteRefusedError

from . import conf
from .sql import written_tables

OBSERVE: Final = "observe"
REFUSE: Final = "refuse"
MAX_TABLES: Final = 20
"""Tables named in one trace; the rest is summed up."""
REST: Final = "(more)"


class WriteGuard:
    """What one ticketed request wrote, or tried to."""

    def __init__(self, *, refuses: bool, exempt: frozenset[str]) -> None:
        self._refuses = refuses
        self._exempt = exempt
        self.writes: Counter[str] = Counter()
        """Table → statements that reached the database."""
        self.refused: Counter[str] = Counter()
        """Table → statements that did not."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See the statements of this context, and of what it starts, while the block runs."""
        _enter()
        token = _guard.set(self)
        try:
            yield
        finally:
            _guard.reset(token)
            _leave()

    def check(self, sql: str) -> None:
        """Count a statement.

        Raises:
            WriteRefusedError: it writes, and writes are refused.
        """
        for table in written_tables(sql):
            if table.casefold() in self._exempt:
                continue
            counts = self.refused if self._refuses else self.writes
            counts[table if table in counts or len(counts) < MAX_TABLES else REST] += 1
            if self._refuses:
                raise WriteRefusedError(table)


def make_guard() -> WriteGuard:
    """A guard by the settings.

    Raises:
        ConfigurationError: ``WRITES`` is neither ``observe`` nor ``refuse``.
    """
    mode = conf.get("WRITES")
    if mode not in (OBSERVE, REFUSE):
        raise ConfigurationError(conf.setting_path("WRITES"), f"must be {OBSERVE!r} or {REFUSE!r}, is {mode!r}")
    return WriteGuard(refuses=mode == REFUSE, exempt=exempt_tables())


def exempt_tables() -> frozenset[str]:
    """Tables that a GET may write to, in lower case: sessions, the database caches, our own, and ``WRITES_EXEMPT``."""
    own = {model._meta.db_table for model in apps.get_app_config("cache_warming").get_models()}  # noqa: SLF001 - public by Django's docs
    tables = own | {_session_table()} | set(_cache_tables()) | set(map(str, conf.get("WRITES_EXEMPT")))
    return frozenset(table.rpartition(".")[2].strip('"`[]').casefold() for table in tables)


def _session_table() -> str:
    engine = import_module(settings.SESSION_ENGINE).SessionStore
    try:
        # The engines that keep sessions in a table name its model; so do those derived from them.
        model = engine.get_model_class() if hasattr(engine, "get_model_class") else None
    except RuntimeError:
        model = None  # A project without sessions: the default engine's application is not installed.
    return model._meta.db_table if model else "django_session"  # noqa: SLF001 - as above


def _cache_tables() -> Iterator[str]:
    for options in settings.CACHES.values():
        try:
            backend = import_string(str(options.get("BACKEND", "")))
        except ImportError:
            continue  # Django names it when the alias is used.
        if isinstance(backend, type) and issubclass(backend, BaseDatabaseCache):
            yield str(options.get("LOCATION", ""))


_guard: ContextVar[WriteGuard | None] = ContextVar("cache_warming_guard", default=None)
_connections: WeakSet[BaseDatabaseWrapper] = WeakSet()
_lock = Lock()
_requests = 0
"""Ticketed requests under way in this process."""


def remember(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:  # noqa: ARG001 - a signal's receiver
    """Receiver of ``connection_created``: know every connection of the process, whichever thread it belongs to."""
    with _lock:
        _connections.add(connection)
        if _requests:
            _listen(connection)


def _enter() -> None:
    global _requests  # noqa: PLW0603 - counted under the lock, for the process
    own = connections.all(initialized_only=True)
    with _lock:
        _connections.update(own)
        _requests += 1
        for connection in _connections:
            _listen(connection)


def _leave() -> None:
    global _requests  # noqa: PLW0603 - as above
    with _lock:
        _requests -= 1
        if _requests:
            return
        for connection in _connections:
            if _listener in connection.execute_wrappers:
                connection.execute_wrappers.remove(_listener)


def _listen(connection: BaseDatabaseWrapper) -> None:
    if _listener not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _listener)


def _listener(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001 - Django's signature
    if (guard := _guard.get()) is not None:
        guard.check(_text(sql, context["connection"]))
    return execute(sql, params, many, context)


def _text(sql: Any, connection: BaseDatabaseWrapper) -> str:
    if isinstance(sql, str):
        return sql
    if isinstance(sql, bytes):
        return sql.decode("utf-8", "replace")
    # psycopg's composed statements; the others have no such method.
    return str(sql.as_string(connection.connection)) if hasattr(sql, "as_string") else str(sql)
