"""Trying again what may have failed by chance: which errors those are, and how long a store is waited for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from django.db import InterfaceError, OperationalError
from pymemcache.exceptions import MemcacheUnexpectedCloseError
from redis import exceptions as redis_errors
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from django_hooks.backends import Store

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

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
    """Whether the same call may well succeed in a moment."""
    if isinstance(error, _LASTING):
        return False
    if isinstance(error, OperationalError):
        # SQLite says of a missing table what others say of a lost connection.
        return not any(words in str(error) for words in _LASTING_WORDS)
    return isinstance(error, _PASSING)


def patiently(
    call: Callable[[], _T], store: Store, retries: int, is_late: Callable[[], bool], *, at_least_s: float = 0
) -> _T:
    """The result of ``call``, tried again after growing, random pauses while it fails in a way that may pass.

    Args:
        retries: so many, and for as long as ``at_least_s``.

    Raises:
        Exception: the last error, when retries or time are used up, or at once when it will not pass.
    """

    def prepare(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        data = {"alias": store.alias, "error": type(error).__name__, "attempt": state.attempt_number}
        logger.warning("cache_warming.store_retry", extra=data)
        store.recover()

    used_up = stop_after_attempt(retries + 1)
    retrying = Retrying(
        retry=retry_if_exception(is_passing),
        wait=wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5),
        stop=lambda state: is_late() or (used_up(state) and (state.seconds_since_start or 0) >= at_least_s),
        before_sleep=prepare,
        reraise=True,
    )
    return retrying(call)
