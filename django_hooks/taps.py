"""Listens to the calls on cache backends for the time of a ticketed request, and costs nobody else anything.

A *tap* is an attribute on the backend's **instance** that shadows one method, notes the call in the recorder of the
context it runs in, and hands it on. What is surprising:

- Only methods that the backend's class implements itself are tapped: what `BaseCache` composes (``get_or_set``,
  ``aget``, ``incr_version``) comes down to those, and would otherwise be noted twice.
- While a call is handed on, the context has no recorder. So what a backend calls in itself (``DatabaseCache.get`` uses
  ``get_many``) is not noted again, and needs no counting of depth.
- Under ASGI one instance can serve several requests at once, ticketed and live. The recorder comes from a context
  variable, which ``sync_to_async`` carries into threads, so each call finds its own or none. Taps are counted, and go
  with the last request that needs them.
- A tap is a bound method of the backend, named like what it shadows: Django 6.1 compares ``self.get_many.__func__``,
  and an instance that is pickled meanwhile unpickles with its class's own methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutinefunction
from threading import Lock
from types import MethodType
from typing import Any, Final

from django.core.cache import BaseCache

from .operations import OPERATIONS, Call, Operation
from .recorder import Recorder

_recorder: ContextVar[Recorder | None] = ContextVar("cache_warming_recorder", default=None)

_ALWAYS_TAPPED: Final = {"incr", "aincr"}
"""``BaseCache`` composes these of ``get`` and ``set``, which would make a counter look like a page part."""


@dataclass(slots=True)
class _TappedCache:
    cache: BaseCache
    users: int = 0
    taps: dict[str, MethodType] = field(default_factory=dict)
    shadowed: dict[str, Any] = field(default_factory=dict)
    """Instance attributes that were there before, such as a debug toolbar's own wrappers."""

    def install(self, alias: str) -> None:
        for name, operation in OPERATIONS.items():
            if name in _ALWAYS_TAPPED or _is_native(self.cache, name):
                original = getattr(self.cache, name)
                tap = _asynchronous if iscoroutinefunction(original) else _synchronous
                if name in vars(self.cache):
                    self.shadowed[name] = vars(self.cache)[name]
                self.taps[name] = MethodType(tap(operation, original, alias), self.cache)
                setattr(self.cache, name, self.taps[name])

    def remove(self) -> None:
        for name, tap in self.taps.items():
            if vars(self.cache).get(name) is not tap:
                continue  # Somebody put a wrapper of its own around the tap; without a recorder the tap is inert.
            if name in self.shadowed:
                setattr(self.cache, name, self.shadowed[name])
            else:
                delattr(self.cache, name)


_tapped: dict[int, _TappedCache] = {}
_lock = Lock()


@contextmanager
def listening(caches: Iterable[tuple[str, BaseCache]], recorder: Recorder) -> Iterator[None]:
    """Note in ``recorder`` what this context, and what it starts, does to ``caches`` (alias and instance)."""
    entered = []
    try:
        for alias, cache in caches:
            _enter(alias, cache)
            entered.append(cache)
        token = _recorder.set(recorder)
        try:
            yield
        finally:
            _recorder.reset(token)
    finally:
        for cache in entered:
            _leave(cache)


def _enter(alias: str, cache: BaseCache) -> None:
    with _lock:
        tapped = _tapped.setdefault(id(cache), _TappedCache(cache))
        if tapped.users == 0:
            tapped.install(alias)
        tapped.users += 1


def _leave(cache: BaseCache) -> None:
    with _lock:
        tapped = _tapped[id(cache)]
        tapped.users -= 1
        if tapped.users == 0:
            tapped.remove()
            del _tapped[id(cache)]


def _is_native(cache: BaseCache, name: str) -> bool:
    own = getattr(type(cache), name, None)
    return own is not None and own is not getattr(BaseCache, name, None)


def _synchronous(operation: Operation, original: Callable[..., Any], alias: str) -> Callable[..., Any]:
    @wraps(original)
    def tap(cache: BaseCache, *args: Any, **kwargs: Any) -> Any:
        recorder = _recorder.get()
        if recorder is None:
            return original(*args, **kwargs)
        call = operation.prepare(Call(alias, cache, args, kwargs))
        token = _recorder.set(None)
        try:
            result = original(*call.args, **call.kwargs)
        except Exception as error:
            operation.failed(recorder, call, error)
            raise
        finally:
            _recorder.reset(token)
        return operation.note(recorder, call, result)

    return tap


def _asynchronous(operation: Operation, original: Callable[..., Any], alias: str) -> Callable[..., Any]:
    @wraps(original)
    async def tap(cache: BaseCache, *args: Any, **kwargs: Any) -> Any:
        recorder = _recorder.get()
        if recorder is None:
            return await original(*args, **kwargs)
        call = operation.prepare(Call(alias, cache, args, kwargs))
        token = _recorder.set(None)
        try:
            result = await original(*call.args, **call.kwargs)
        except Exception as error:
            operation.failed(recorder, call, error)
            raise
        finally:
            _recorder.reset(token)
        return operation.note(recorder, call, result)

    return tap
