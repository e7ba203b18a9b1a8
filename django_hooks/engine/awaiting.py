"""The meeting point of the engine, which is synchronous, and what applications write with ``async def``.

The engine stands in the main thread. What is to be awaited goes to an event loop through ``async_to_sync``: in mode
``async`` that is the one loop of the run, else a new one each time. Either way Django's own asynchronous calls, which
are threads underneath, come back to this thread and its database connections.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from asgiref.sync import async_to_sync

_T = TypeVar("_T")

_CHUNK: Final = 100
"""Entries fetched in one visit to the loop."""
_has_one_loop: ContextVar[bool] = ContextVar("has_one_loop", default=False)


@contextmanager
def one_loop() -> Iterator[None]:
    """Say that the code of the block, and what it awaits, lives in one event loop all the time."""
    token = _has_one_loop.set(True)
    try:
        yield
    finally:
        _has_one_loop.reset(token)


def taken(entries: Any) -> Iterator[Any]:
    """What ``entries`` yields, whether it does so synchronously or not.

    Raises:
        TypeError: it is asynchronous, and there is no loop that lives long enough for it.
    """
    return _awaited(entries) if hasattr(entries, "__aiter__") else iter(entries)


def _awaited(entries: Any) -> Iterator[Any]:
    if not _has_one_loop.get():
        raise TypeError("entries() is asynchronous, which needs --mode async")
    iterator = aiter(entries)
    error: BaseException | None = None
    while error is None:
        chunk, error = async_to_sync(_next_chunk)(iterator)
        yield from chunk
    if not isinstance(error, StopAsyncIteration):
        raise error


async def _next_chunk(iterator: AsyncIterator[Any]) -> tuple[list[Any], BaseException | None]:
    """Some entries, and what ended them, if anything did: those before an error are not lost with it."""
    chunk: list[Any] = []
    try:
        while len(chunk) < _CHUNK:
            chunk.append(await anext(iterator))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - raised in its place, behind the entries before it
        return chunk, error
    return chunk, None


def is_awaitable(value: object) -> bool:
    """Whether a value is still to be awaited: what calling an ``async def`` gives, or anything like it."""
    return inspect.isawaitable(value)


def discard(value: object) -> None:
    """Let go of what will not be awaited; Python warns of a coroutine that nobody has told so."""
    if inspect.iscoroutine(value):
        value.close()


def settled(value: Any) -> Any:
    """The value, awaited if that is what it is there for."""
    return async_to_sync(_await)(value) if inspect.isawaitable(value) else value


async def _await(value: Awaitable[_T]) -> _T:
    try:
        return await value
    except SystemExit as error:  # which would end the loop, and all that is in it
        raise RuntimeError(f"SystemExit: {error}") from error


def for_each(items: Sequence[_T], call: Callable[[_T], Awaitable[None]], at_once: int) -> None:
    """Await the call for each item, so many of them at a time."""
    async_to_sync(_for_each)(items, call, at_once)


async def _for_each(items: Sequence[_T], call: Callable[[_T], Awaitable[None]], at_once: int) -> None:
    slots = asyncio.Semaphore(at_once)

    async def within_slot(item: _T) -> None:
        async with slots:
            await call(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(within_slot(item))
