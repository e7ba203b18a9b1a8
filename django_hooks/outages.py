"""Which errors of a store are an outage, such as a restart, a failover or a broken connection, and may pass."""

from __future__ import annotations

from typing import Final

from django.db import InterfaceError, OperationalError
from pymemcache.exceptions import MemcacheUnexpectedCloseError
from redis import exceptions as redis_errors

_PASSING: Final = (
    ConnectionError,
    TimeoutError,
    MemcacheUnexpectedCloseError,
    InterfaceError,
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.ReadOnlyError,
    redis_errors.TryAgainError,
    redis_errors.ClusterDownError,
)
"""What a restart, a failover or a full queue looks like."""
_LASTING: Final = (redis_errors.AuthenticationError, redis_errors.AuthorizationError, redis_errors.MaxConnectionsError)
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
    if isinstance(error, _LASTING):
        return False
    if isinstance(error, OperationalError):
        # SQLite says of a missing table what others say of a lost connection.
        return not any(words in str(error) for words in _LASTING_WORDS)
    # django-redis wraps what its client raises in an exception of its own.
    return isinstance(error, _PASSING) or (error.__cause__ is not None and is_passing(error.__cause__))
