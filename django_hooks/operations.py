"""What each method of a cache backend means for the keys it is called with. One table, `OPERATIONS`.

Arguments are looked at by position and by name, as Django's own signatures order them; further ones (django-redis's
``client=`` or ``nx=``) are handed on untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from django.core.cache import BaseCache
from django.core.cache.backends.base import DEFAULT_TIMEOUT

from .outages import is_passing
from .recorder import First, KeyId, Recorder

_ABSENT: Final = object()
"""Stands in for the caller's default, so that a stored ``None`` is told from nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call on a backend."""

    alias: str
    cache: BaseCache
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    default: Any = None
    """What the caller wants when the key is not there."""

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)

    def replacing(self, position: int, name: str, value: Any) -> Call:
        """The same call with one argument replaced, or added by its name."""
        if len(self.args) > position:
            args = (*self.args[:position], value, *self.args[position + 1 :])
            return replace(self, args=args)
        return replace(self, kwargs={**self.kwargs, name: value})

    def key_id(self, key: Any, version_position: int) -> KeyId:
        """The key with its explicit version; the alias's own version, spelled out, is the same as none."""
        version = self.argument(version_position, "version")
        if version is not None and (version == self.cache.version or not isinstance(version, int | str)):
            version = None if version == self.cache.version else str(version)
        return KeyId(self.alias, str(key), version)

    def key(self, version_position: int) -> KeyId:
        return self.key_id(self.argument(0, "key"), version_position)

    def keys(self, version_position: int) -> Iterator[KeyId]:
        for key in self.argument(0, "keys", ()):
            yield self.key_id(key, version_position)


def _unchanged(call: Call) -> Call:
    return call


def _count_error(recorder: Recorder, call: Call, error: Exception) -> None:
    recorder.error(call.alias, is_outage=is_passing(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How one method is listened to."""

    note: Callable[[Recorder, Call, Any], Any]
    """Notes the call and its result; returns what the caller gets."""
    prepare: Callable[[Call], Call] = _unchanged
    """May change the call before it is handed on, without changing what it means."""
    failed: Callable[[Recorder, Call, Exception], None] = _count_error


def _ask_for_absence(call: Call) -> Call:
    return replace(call.replacing(1, "default", _ABSENT), default=call.argument(1, "default"))


def _list_keys(call: Call) -> Call:
    # An iterator of keys would be used up by the backend before the call is noted.
    return call.replacing(0, "keys", list(call.argument(0, "keys", ())))


def _note_get(recorder: Recorder, call: Call, result: Any) -> Any:
    is_absent = result is _ABSENT
    recorder.lookup(call.key(2), found=not is_absent)
    return call.default if is_absent else result


def _note_get_many(recorder: Recorder, call: Call, result: Any) -> Any:
    for asked in call.argument(0, "keys", ()):
        recorder.lookup(call.key_id(asked, 1), found=asked in result)
    return result


def _note_presence(version_position: int) -> Callable[[Recorder, Call, Any], Any]:
    def note(recorder: Recorder, call: Call, result: Any) -> Any:
        recorder.lookup(call.key(version_position), found=bool(result))
        return result

    return note


def _timeout_s(call: Call, position: int) -> float | None:
    """How long the value will live; ``None`` for ever."""
    timeout = call.argument(position, "timeout", DEFAULT_TIMEOUT)
    if timeout is DEFAULT_TIMEOUT:
        timeout = call.cache.default_timeout
    return timeout if isinstance(timeout, int | float) else None


def _is_deletion(call: Call, position: int) -> bool:
    """Whether a value with this timeout is gone at once; Django documents 0 as "not cached"."""
    timeout = _timeout_s(call, position)
    return timeout is not None and timeout <= 0


def _note_set(recorder: Recorder, call: Call, result: Any) -> Any:
    key = call.key(3)
    if call.kwargs.get("xx") and not result:
        recorder.lookup(key, found=False)
    elif call.kwargs.get("nx"):
        recorder.write(key, first=First.MISS if result else First.CLAIM, timeout_s=_timeout_s(call, 2))
    elif _is_deletion(call, 2):
        recorder.delete(key)
    else:
        recorder.write(key, timeout_s=_timeout_s(call, 2))
    return result


def _note_add(recorder: Recorder, call: Call, result: Any) -> Any:
    if _is_deletion(call, 2):
        recorder.lookup(call.key(3), found=not result)
    else:
        first = First.MISS if result else First.CLAIM
        recorder.write(call.key(3), first=first, timeout_s=_timeout_s(call, 2))
    return result


def _note_set_many(recorder: Recorder, call: Call, result: Any) -> Any:
    timeout_s = _timeout_s(call, 1)
    for key in call.argument(0, "data", ()):
        if timeout_s is not None and timeout_s <= 0:
            recorder.delete(call.key_id(key, 2))
        else:
            recorder.write(call.key_id(key, 2), timeout_s=timeout_s)
    return result


def _note_delete(recorder: Recorder, call: Call, result: Any) -> Any:
    recorder.delete(call.key(1))
    return result


def _note_delete_many(recorder: Recorder, call: Call, result: Any) -> Any:
    for key in call.keys(1):
        recorder.delete(key)
    return result


def _note_clear(recorder: Recorder, call: Call, result: Any) -> Any:
    recorder.clear(call.alias)
    return result


def _note_count(recorder: Recorder, call: Call, result: Any) -> Any:
    recorder.count(call.key(2))
    return result


def _count_failed(recorder: Recorder, call: Call, error: Exception) -> None:
    # ValueError is how Django says that there is no such counter.
    if isinstance(error, ValueError):
        recorder.lookup(call.key(2), found=False)
    else:
        _count_error(recorder, call, error)


def _write_failed(recorder: Recorder, call: Call, error: Exception) -> None:
    # Memcached's clients raise for an item that is too large; the value was handed over, and is not there.
    _count_error(recorder, call, error)
    recorder.write(call.key(3))


def _write_many_failed(recorder: Recorder, call: Call, error: Exception) -> None:
    _count_error(recorder, call, error)
    for key in call.argument(0, "data", ()):
        recorder.write(call.key_id(key, 2))


_SYNCHRONOUS: Final = {
    "get": Operation(note=_note_get, prepare=_ask_for_absence),
    "get_many": Operation(note=_note_get_many, prepare=_list_keys),
    "has_key": Operation(note=_note_presence(1)),
    "touch": Operation(note=_note_presence(2)),
    "set": Operation(note=_note_set, failed=_write_failed),
    "set_many": Operation(note=_note_set_many, failed=_write_many_failed),
    "add": Operation(note=_note_add, failed=_write_failed),
    "incr": Operation(note=_note_count, failed=_count_failed),
    "decr": Operation(note=_note_count, failed=_count_failed),
    "delete": Operation(note=_note_delete),
    "delete_many": Operation(note=_note_delete_many, prepare=_list_keys),
    "clear": Operation(note=_note_clear),
}

OPERATIONS: Final = _SYNCHRONOUS | {f"a{name}": operation for name, operation in _SYNCHRONOUS.items()}
"""Method name → how it is listened to; a backend that implements the asynchronous twin natively is heard there."""
