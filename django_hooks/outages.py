"""Which errors of a store are an outage, such as a restart, a failover or a broken connection, and may pass.

Clients' errors are known by name: a site need not load the client of a store that it does not use.
"""

from __future__ import annotations

from typing import Final

from django.db import InterfaceError, OperationalError

_PASSING: Final = (ConnectionError, TimeoutError, InterfaceError)
PASSING_NAMES: Final = frozenset(
    {
        "pymemcache.exceptions.MemcacheUnexpectedCloseError",
        *(f"pylibmc.{name}" for name in ("ConnectionError", "ReadError", "ServerDead", "ServerDown", "WriteError")),
        "redis.exceptions.ConnectionError",
        "redis.exceptions.TimeoutError",
        "redis.exceptions.ReadOnlyError",
        "redis.exceptions.TryAgainError",
        "redis.exceptions.ClusterDownError",
    }
)
"""What a restart, a failover or a full queue looks like."""
LASTING_NAMES: Final = frozenset(
    {
        "redis.exceptions.AuthenticationError",
        "redis.exceptions.AuthorizationError",
        "redis.exceptions.MaxConnectionsError",
    }
)
_LASTING_WORDS: Final = (
    "no such table",
    "no such column",
    "doesn't exist",
    "does not exist",
    "syntax",
    "max_allowed_packet",
)


def is_passing(error: BaseException) -> bool:
    """Whether the same call may well succeed in a moment; for an error that wraps another, whether that one says so."""
    # django-redis wraps what its client raises in an exception of its own.
    cause: BaseException | None = error
    seen = set[int]()
    while cause is not None and id(cause) not in seen:  # `raise error from error` is its own cause
        if (found := _says(cause)) is not None:
            return found
        seen.add(id(cause))
        cause = cause.__cause__
    return False


def _says(error: BaseException) -> bool | None:
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if names & LASTING_NAMES:
        return False
    if isinstance(error, OperationalError):
        # SQLite says of a missing table what others say of a lost connection.
        return not any(words in str(error) for words in _LASTING_WORDS)
    return True if isinstance(error, _PASSING) or names & PASSING_NAMES else None
