"""Asks stores about the next keys in a thread of its own, while the last ones are dealt with.

The thread has its own caches and connections, as every thread of Django's does. It asks once: what fails there is for
who asked to ask again, and no more is asked there, for there may be no second connection to be had. It is a daemon: a
run that ends at its deadline does not wait for a server that hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

from django.core.cache import caches
from django.db import connections

from django_hooks.backends import Store, open_store

_T = TypeVar("_T")

_END_S: Final = 1.0
"""How long the call that is under way is waited for at the end."""


class _Job(NamedTuple):
    answer: Future[Any]
    alias: str
    call: Callable[[Store], Any]


class Ahead:
    """The thread, begun when it is first needed; a context manager."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self.is_of_use = True
        """Whether nothing has failed there."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(_END_S)
            # One that still hangs must not get what is asked from now on.
            self._thread, self._jobs = None, SimpleQueue()

    def ask(self, alias: str, call: Callable[[Store], _T]) -> Callable[[], _T]:
        """Have ``call`` made with the alias's store; gives a function that waits for what it returned, or raised."""
        if self._thread is None:
            self._thread = threading.Thread(target=_work, args=(self._jobs,), name="warm-cache-ahead", daemon=True)
            self._thread.start()
        answer: Future[_T] = Future()
        self._jobs.put(_Job(answer, alias, call))
        answer.add_done_callback(self._note)
        return answer.result

    def _note(self, answer: Future[Any]) -> None:
        self.is_of_use = self.is_of_use and answer.exception() is None


def _work(jobs: SimpleQueue[_Job | None]) -> None:
    stores: dict[str, Store] = {}
    try:
        while (job := jobs.get()) is not None:
            _do(job, stores)
    finally:
        for store in stores.values():
            store.close()
        caches.close_all()
        connections.close_all()


def _do(job: _Job, stores: dict[str, Store]) -> None:
    try:
        if job.alias not in stores:
            stores[job.alias] = open_store(job.alias)
        job.answer.set_result(job.call(stores[job.alias]))
    except BaseException as error:  # noqa: BLE001 - raised where the answer is waited for
        job.answer.set_exception(error)
