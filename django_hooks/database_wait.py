"""How long a request waits for a database connection: by the pool's own figures, or by opening one."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections

OPEN_EVERY_S: Final = 1.0
"""Without a pool, a connection is opened to see how long that takes: not more often than this."""


class DatabaseWait:
    """Looks at the default database, the one that every request needs.

    Args:
        clock: monotonic seconds; tests pass their own.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._opened_at_s = float("-inf")
        self._wait_s = 0.0
        self._seen = (0, 0)

    def seconds(self) -> float:
        """What a connection costs in waiting; infinite when there is none to be had, 0 where nobody knows."""
        if settings.DATABASES[DEFAULT_DB_ALIAS]["ENGINE"] == "django.db.backends.dummy":
            return 0.0
        connection: Any = connections[DEFAULT_DB_ALIAS]
        try:
            if pool := getattr(connection, "pool", None):
                return self._in_pool(pool.get_stats())
            self._open(connection)
        except Error:
            return float("inf")
        return self._wait_s

    def _in_pool(self, stats: dict[str, int]) -> float:
        """The mean wait of the requests since the last look, from psycopg's running totals."""
        seen = (stats.get("requests_num", 0), stats.get("requests_wait_ms", 0))
        requests, waited_ms = (now - before for now, before in zip(seen, self._seen, strict=True))
        self._seen = seen
        # Nobody was served, and somebody waits: the totals will only tell when it is over.
        if requests <= 0:
            return float("inf") if stats.get("requests_waiting", 0) else 0.0
        return waited_ms / 1000 / requests

    def _open(self, connection: Any) -> None:
        now_s = self._clock()
        if connection.connection is not None:
            self._wait_s = 0.0
        elif now_s - self._opened_at_s >= OPEN_EVERY_S:
            self._opened_at_s = now_s
            connection.ensure_connection()
            self._wait_s = self._clock() - now_s
