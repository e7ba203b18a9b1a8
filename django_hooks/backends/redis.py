"""Redis and Valkey, through Django's backend or django-redis, by the connection and the encoding of the backend itself.

A batch is one call of a small script where the server lets us run one: its answer is one string, where a pipeline's is
an object for each key, which costs more than all the rest. Elsewhere (a cluster, an account without scripts) the same
commands go through a pipeline. Errors are those of the server: django-redis' ``IGNORE_EXCEPTIONS`` is not in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django_redis.cache import RedisCache as DjangoRedisCache
from django_redis.client import DefaultClient
from redis.cluster import RedisCluster
from redis.exceptions import ClusterDownError, NoPermissionError, ReadOnlyError, ResponseError, TryAgainError

from .base import OVERHEAD_BYTES, Store, is_own
from .findings import GONE, Finding, Gone, Problems
from .in_bulk import Stored
from .items import Item
from .resp import ask
from .room import HEADROOM, Room

_WRITE: Final = """
local marks, told, refused, condition, set = {}, nil, 0, ARGV[1], redis.pcall
for i, key in ipairs(KEYS) do
  local value, ms, answer = ARGV[2 * i], ARGV[2 * i + 1], nil
  if condition == 'NX' then
    if ms == '' then answer = set('SET', key, value, 'NX') else answer = set('SET', key, value, 'NX', 'PX', ms) end
  elseif ms == '' then answer = set('SET', key, value) else answer = set('SET', key, value, 'PX', ms) end
  if not answer then marks[i] = '0'
  elseif answer.err then marks[i] = 'e'; told = answer; refused = refused + 1
  else marks[i] = '1' end
end
if refused > 0 and refused == #KEYS then return told end
return table.concat(marks) .. (told and told.err or '')
"""
_TIMES: Final = """
local left = {}
for i, key in ipairs(KEYS) do left[i] = string.format('%.0f', redis.call('PTTL', key)) end
return table.concat(left, ' ')
"""
_EXIST: Final = """
local there = {}
for i, key in ipairs(KEYS) do there[i] = redis.call('EXISTS', key) end
return table.concat(there)
"""
_MAX_VALUE_BYTES: Final = 512 << 20
_PASSING: Final = (ReadOnlyError, TryAgainError, ClusterDownError)
"""Refused by one node of a cluster, and not because of the key."""


class RedisStore(Store):
    """Django's own Redis backend."""

    may_be_asked_apart = True
    tells_time_left = True
    needs_value = False
    max_value_bytes = _MAX_VALUE_BYTES
    _may_script = True

    def _client(self) -> Any:
        return self.cache._cache.get_client(write=True)  # noqa: SLF001 - Django offers no other way to the connection

    def _encoded(self, value: Any) -> Any:
        return self.cache._cache._serializer.dumps(value)  # noqa: SLF001 - as above

    def decoded(self, stored: Stored) -> Any:
        """By the backend's own serializer."""
        return self.cache._cache._serializer.loads(stored[0])  # noqa: SLF001 - as above

    def lifetime_s(self, timeout: float | None) -> float | None:
        """Whole seconds."""
        return None if timeout is None else max(0, int(timeout))

    def encode(self, item: Item) -> None:
        """By the backend's own serializer; whole numbers are stored as text."""
        data = self._encoded(item.value)
        item.data = data if isinstance(data, bytes) else str(data).encode()
        # Memory is handed out in steps of up to a quarter of a size.
        item.size_bytes = len(item.made) + len(item.data) * 5 // 4 + OVERHEAD_BYTES

    def as_read(self, item: Item) -> Any:
        """As `decoded`."""
        return self.decoded((item.data or b"", item.flags))

    def present(self, items: Sequence[Item]) -> set[int]:
        """See `missing`."""
        keys = [item.made for item in items]
        return set(range(len(keys))).difference(self._absent(keys))

    def missing(self, keys: Sequence[str], version: int | str | None, made: Sequence[str]) -> Sequence[int]:  # noqa: ARG002 - as its base
        """As `present`."""
        return self._absent(made)

    def _absent(self, made: Sequence[str]) -> Sequence[int]:
        """One count answers for a batch of which nothing, or all, is there: the first and the second run."""
        client = self._client()
        if not isinstance(client, RedisCluster):
            count = ask(client, "EXISTS", made) if made else 0
            if count in (0, len(made)):
                return range(count, len(made))
        if (there := self._scripted(_EXIST, made)) is None:
            there = b"".join(b"%d" % answer for answer in self._piped("EXISTS", made))
        return [index for index, mark in enumerate(there) if mark != 0x31]

    def stored(self, made: Sequence[str]) -> list[Stored | None]:
        """One ``MGET``."""
        return [None if data is None else (data, 0) for data in self._read_raw(list(made))]

    def write(self, items: Sequence[Item], *, overwrite: bool) -> Problems:
        """``SET``, with ``NX`` unless overwriting, and ``PX``: each key with its own timeout.

        A server that refuses all of them is not to be written to (a replica, out of memory, a full disk): its error is
        raised, and not reported key by key.
        """
        arguments: list[Any] = ["" if overwrite else "NX"]
        for item in items:
            arguments.append(item.data)
            arguments.append("" if item.timeout_s is None else int(item.timeout_s * 1000))
        answer = self._scripted(_WRITE, [item.made for item in items], arguments)
        if answer is None:
            return self._write_piped(items, overwrite=overwrite)
        marks, error = answer[: len(items)], answer[len(items) :].decode("utf-8", "replace")
        if marks.count(b"1") == len(items):
            return {}
        return {
            index: (Finding.TAKEN, "") if mark == 0x30 else (Finding.REFUSED, error)
            for index, mark in enumerate(marks)
            if mark != 0x31
        }

    def _write_piped(self, items: Sequence[Item], *, overwrite: bool) -> Problems:
        pipeline = self._client().pipeline(**self._apart())
        for item in items:
            ms = None if item.timeout_s is None else int(item.timeout_s * 1000)
            pipeline.set(item.made, item.data, px=ms, nx=not overwrite)
        problems: Problems = {}
        answers = pipeline.execute(raise_on_error=False)
        refused = sum(isinstance(answer, ResponseError) for answer in answers)
        for index, answer in enumerate(answers):
            if isinstance(answer, Exception):
                if refused == len(answers) or not isinstance(answer, ResponseError) or isinstance(answer, _PASSING):
                    raise answer
                problems[index] = (Finding.REFUSED, str(answer))
            elif not answer:
                problems[index] = (Finding.TAKEN, "")
        return problems

    def delete(self, items: Sequence[Item]) -> None:
        """``DEL``, whose errors are not hidden: what must not stay must not seem to be gone."""
        self._piped("DEL", [item.made for item in items])

    def verify(self, items: Sequence[Item], elapsed_s: float) -> Problems:
        """The bytes that the server has against those that were sent."""
        problems: Problems = {}
        for index, found in enumerate(self._read_raw([item.made for item in items])):
            if found is None:
                problems[index] = (Finding.MISSING, "")
            elif found != items[index].data:
                problems[index] = (Finding.DIFFERENT, "")
        return self._with_wrong_times(items, problems, elapsed_s)

    def _read_raw(self, keys: list[str]) -> list[bytes | None]:
        client = self._client()
        if not keys:
            return []
        return list(client.mget_nonatomic(keys) if isinstance(client, RedisCluster) else ask(client, "MGET", keys))

    def time_left_s(self, items: Sequence[Item]) -> list[float | Gone | None]:
        """To the millisecond."""
        keys = [item.made for item in items]
        answer = self._scripted(_TIMES, keys) if keys else b""
        times = map(int, answer.split()) if answer is not None else self._piped("PTTL", keys)
        # Redis answers -1 for a key without an end and -2 for none at all.
        return [ms / 1000 if ms >= 0 else None if ms == -1 else GONE for ms in times]

    def room(self, *, tidies: bool = False) -> Room:  # noqa: ARG002 - as above
        """Up to ``maxmemory``; what has none is limited by nothing that we could see."""
        client = self._client()
        if isinstance(client, RedisCluster):
            told = client.info("everything", target_nodes="primaries")
            # Of a single node the client gives the answer itself.
            rooms = [_room(info) for info in ([told] if "used_memory" in told else told.values())]
            tightest = min(rooms, key=lambda room: room.bytes_left)
            return Room(
                bytes_left=tightest.bytes_left * len(rooms),  # Keys spread evenly.
                evictions=sum(room.evictions or 0 for room in rooms),
                limit=tightest.limit,
            )
        return _room({**client.info("memory"), **client.info("stats")})

    def _scripted(self, script: str, keys: Sequence[str], arguments: Sequence[Any] = ()) -> bytes | None:
        """The script's answer, or ``None`` where none can be run."""
        client = self._client()
        if not self._may_script or isinstance(client, RedisCluster):
            return None
        try:
            answer: bytes = client.register_script(script)(keys, arguments)
        except NoPermissionError:
            self._may_script = False
            return None
        except ResponseError as error:
            if "unknown command" not in str(error).lower():
                raise
            self._may_script = False
            return None
        return answer

    def _piped(self, command: str, keys: Sequence[str]) -> list[int]:
        pipeline = self._client().pipeline(**self._apart())
        for key in keys:
            pipeline.execute_command(command, key)
        return [int(answer) for answer in pipeline.execute()]

    def _apart(self) -> dict[str, bool]:
        """Arguments for a pipeline that is no transaction; a cluster's never is."""
        return {} if isinstance(self._client(), RedisCluster) else {"transaction": False}


class DjangoRedisStore(RedisStore):
    """django-redis with one primary server, with or without replicas, also by Sentinel."""

    def _client(self) -> Any:
        return self.cache.client.get_client(write=True)

    def _encoded(self, value: Any) -> Any:
        return self.cache.client.encode(value)

    def decoded(self, stored: Stored) -> Any:
        """By the client's own serializer and compressor."""
        return self.cache.client.decode(stored[0])

    def make(self, key: str, version: int | str | None) -> str:
        """As the client makes it, without its wrapper around the text."""
        cache = self.cache
        made: str = cache.key_func(key, cache.key_prefix, cache.version if version is None else version)
        return made

    def lifetime_s(self, timeout: float | None) -> float | None:
        """Milliseconds."""
        return None if timeout is None else int(timeout * 1000) / 1000


def _room(info: dict[str, Any]) -> Room:
    evictions = int(info.get("evicted_keys", 0))
    if not (limit := int(info.get("maxmemory", 0))):
        return Room(evictions=evictions)
    return Room(
        bytes_left=limit * HEADROOM - int(info["used_memory"]),
        evictions=evictions,
        limit=f"maxmemory {limit >> 20} MB, {info.get('maxmemory_policy', '')}",
    )


def store_for(alias: str, cache: Any) -> Store | None:
    """The store for a Redis backend whose way of storing is the one that we know."""
    if is_own(cache, RedisCache, "set", "add", "get", "get_many"):
        return RedisStore(alias, cache) if cache._class is RedisCacheClient else None  # noqa: SLF001 - as above
    if is_own(cache, DjangoRedisCache, "set", "add", "get", "make_key"):
        # Herd and sharded clients store in ways of their own.
        known = is_own(cache.client, DefaultClient, "set", "add", "get", "get_many", "make_key")
        return DjangoRedisStore(alias, cache) if known else None
    return None
