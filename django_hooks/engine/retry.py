"""Trying again what may have failed by chance, and how long a store is waited for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from django_hooks.backends import Store
from django_hooks.outages import is_passing

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


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
