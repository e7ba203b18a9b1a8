"""Memcached, through pymemcache.

A batch is written, looked for and asked for its remaining life by meta commands (Memcached 1.6), each
key with its own timeout, in one round trip: in quiet mode the server answers for exceptions alone. They go over a
client of our own, made like the site's but raising what the site's may hide (``ignore_exc``, ``noreply``), and with
values as plain bytes, so that what is read back is compared as it lies there.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from django.core.cache.backends.memcached import PyMemcacheCache
from pymemcache.client.hash import HashClient

from .base import Store, is_own
from .findings import GONE, Finding, Gone, Problems
from .in_bulk import Stored
from .items import Item
from .meta_commands import answer, checked, lines_of, values_of
from .room import Room
from .slabs import slab_room

_THERE: Final = b"HD\r\n"
_HEADER_BYTES: Final = 60
"""Of an item in Memcached, its check-and-set number and line end included."""
_MAX_KEY_BYTES: Final = 250
STATS: Final = (("settings",), ("slabs",), ())
"""In this order: ``evictions`` is a switch among the settings and a count elsewhere."""
OWN: Final = ("set", "add", "get", "get_many", "set_many", "get_backend_timeout")
"""Methods of Django's that we stand in for."""
_RELATIVE_S: Final = 30 * 24 * 3600
"""Longer timeouts are points in time to Memcached."""


class RawValues:
    """A pymemcache serde that leaves bytes and flags as they are."""

    def serialize(self, key: object, value: tuple[bytes, int]) -> tuple[bytes, int]:  # noqa: ARG002 - its interface
        """What the site's own serde made."""
        return value

    def deserialize(self, key: object, value: bytes, flags: int) -> tuple[bytes, int]:  # noqa: ARG002 - as above
        """What lies there."""
        return value, flags


class MemcachedStore(Store):
    """What all clients have in common."""

    may_be_asked_apart = True

    def lifetime_s(self, timeout: float | None) -> float | None:
        """Whole seconds."""
        return None if timeout is None else max(0, int(timeout))


class PyMemcacheStore(MemcachedStore):
    """Django's ``PyMemcacheCache``."""

    tells_time_left = True
    slack_s = 10.0
    """Its clock is set once a second by a timer, which a busy machine delays; then lives begin earlier."""
    needs_value = False

    @cached_property
    def _hash(self) -> HashClient:
        own = {"serde": RawValues(), "ignore_exc": False, "default_noreply": False, "use_pooling": False}
        return HashClient(self.cache.client_servers, **{**self.cache._options, **own})  # noqa: SLF001 - Django has no name for it

    @cached_property
    def _serde(self) -> Any:
        return self.cache._options["serde"]  # noqa: SLF001 - as above

    @cached_property
    def max_value_bytes(self) -> int | None:  # type: ignore[override] # asked of the server, once
        """The server's item limit (1 MB, as it comes)."""
        return int(min(stats["item_size_max"] for stats in self._servers())) - 512

    def make(self, key: str, version: int | str | None) -> str:
        """A key with accents can be short in letters and too long in bytes."""
        made = super().make(key, version)
        if not made.isascii() and len(made.encode()) > _MAX_KEY_BYTES:
            self.cache.validate_key("x" * (_MAX_KEY_BYTES + 1))
        return made

    def _takes_all(self, made: Sequence[str]) -> bool:
        return super()._takes_all(made) and "".join(made).isascii()

    def encode(self, item: Item) -> None:
        """By the site's own serde."""
        data, item.flags = self._serde.serialize(item.made, item.value)
        item.data = data if isinstance(data, bytes) else str(data).encode("ascii")
        item.size_bytes = len(item.made) + len(item.data) + _HEADER_BYTES

    def as_read(self, item: Item) -> Any:
        """As `decoded`."""
        return self.decoded((item.data or b"", item.flags))

    def present(self, items: Sequence[Item]) -> set[int]:
        """``mg`` without the value; what is missing is not answered for."""
        return set(self._asked(items))

    def missing(self, keys: Sequence[str], version: int | str | None, made: Sequence[str]) -> Sequence[int]:  # noqa: ARG002 - as its base
        """``mg`` without any flag, whose answers are four bytes each."""
        gone: list[int] = []
        for client, members in self._grouped(made):
            share = made if len(members) == len(made) else [made[index] for index in members]
            head = "mg " + client.key_prefix.decode("latin-1")
            commands = (head + f"\r\n{head}".join(share)).encode("latin-1")
            found = answer(client, commands, at_least=len(_THERE) * len(share))
            if found != _THERE * len(share):
                lines = checked(found)
                gone += [index for index, line in zip(members, lines, strict=True) if line.startswith(b"EN")]
        return sorted(gone)

    def time_left_s(self, items: Sequence[Item]) -> list[float | Gone | None]:
        """To the second."""
        times: dict[int, float | None] = self._asked(items)
        return [times.get(index, GONE) for index in range(len(items))]

    def _asked(self, items: Sequence[Item]) -> dict[int, float | None]:
        """Index → seconds left, of what is there."""
        found: dict[int, float | None] = {}
        for client, members in self._by_server(items):
            commands = [b"mg %b t q O%d" % (_key(client, item), index) for index, item in members]
            for line in lines_of(client, commands):
                _, time_left, opaque = line.split()  # HD t59 O12
                found[int(opaque[1:])] = None if time_left == b"t-1" else float(time_left[1:])
        return found

    def stored(self, made: Sequence[str]) -> list[Stored | None]:
        """``mg`` with the value."""
        found: list[Stored | None] = [None] * len(made)
        for client, members in self._grouped(made):
            commands = (b"mg " + client.key_prefix + made[index].encode() + b" v f" for index in members)
            for index, value in zip(members, values_of(client, list(commands)), strict=True):
                found[index] = value
        return found

    def decoded(self, stored: Stored) -> Any:
        """By the site's own serde."""
        return self._serde.deserialize("", *stored)

    def write(self, items: Sequence[Item], *, overwrite: bool) -> Problems:
        """``ms``, in add mode unless overwriting."""
        problems: Problems = {}
        mode = b"S" if overwrite else b"E"
        now_s = int(time.time())
        for client, members in self._by_server(items):
            commands = []
            for index, item in members:
                data: Any = item.data
                expires = _expires(item.timeout_s, now_s)
                head = (_key(client, item), len(data), item.flags, expires, mode, index, data)
                commands.append(b"ms %b %d F%d T%d M%b q O%d\r\n%b" % head)
            for line in lines_of(client, commands):
                status, _, opaque = line.partition(b" O")
                if status == b"NS":
                    problems[int(opaque)] = (Finding.TAKEN, "")
        return problems

    def delete(self, items: Sequence[Item]) -> None:
        """``md``; what is not there is not answered for."""
        for client, members in self._by_server(items):
            lines_of(client, [b"md %b q" % _key(client, item) for _, item in members])

    def verify(self, items: Sequence[Item], elapsed_s: float) -> Problems:
        """The bytes and flags that the server has against those that were sent."""
        problems: Problems = {}
        for client, members in self._by_server(items):
            found = client.get_many([item.made for _, item in members])
            for index, item in members:
                if (there := found.get(item.made)) is None:
                    problems[index] = (Finding.MISSING, "")
                elif there != (item.data, item.flags):
                    problems[index] = (Finding.DIFFERENT, "")
        return self._with_wrong_times(items, problems, elapsed_s)

    def _by_server(self, items: Sequence[Item]) -> Iterator[tuple[Any, list[tuple[int, Item]]]]:
        """Each server's client with its share of the items and their indexes."""
        for client, members in self._grouped([item.made for item in items]):
            yield client, [(index, items[index]) for index in members]

    def _grouped(self, made: Sequence[str]) -> Iterator[tuple[Any, Sequence[int]]]:
        """Each server's client with the indexes of its share of the keys."""
        nodes = self._hash.clients
        if len(nodes) == 1:
            # The hash of a key is worth more time than all else that is done to it here.
            yield next(iter(nodes.values())), range(len(made))
            return
        groups: dict[str, list[int]] = defaultdict(list)
        for index, key in enumerate(made):
            groups[self._hash.hasher.get_node(key)].append(index)
        for name, members in groups.items():
            yield nodes[name], members

    def room(self, *, tidies: bool = False) -> Room:  # noqa: ARG002 - as above
        """What the fullest server has left in each slab class; keys spread over all of them."""
        rooms = [slab_room(stats) for stats in self._servers()]
        tightest = min(rooms, key=lambda room: room.pages_left)
        if len(rooms) > 1:
            tightest.pages_left *= len(rooms)
            for slab in tightest.slabs.values():
                slab.free *= len(rooms)
            tightest.evictions = sum(room.evictions or 0 for room in rooms)
        return tightest

    def _servers(self) -> list[Mapping[str, Any]]:
        return [
            {text(name): text(value) for part in STATS for name, value in client.stats(*part).items()}
            for client in self._hash.clients.values()
        ]

    def recover(self) -> None:
        """Half an answer may be left in a connection."""
        self.close()

    def close(self) -> None:
        """Our own connections."""
        if "_hash" in vars(self):
            self._hash.close()


def _key(client: Any, item: Item) -> bytes:
    prefixed: bytes = client.key_prefix + item.made.encode()
    return prefixed


def _expires(timeout_s: float | None, now_s: int) -> int:
    if timeout_s is None:
        return 0
    return int(timeout_s) + (now_s if timeout_s > _RELATIVE_S else 0)


def text(value: Any) -> Any:
    """What a server says, as text."""
    return value.decode() if isinstance(value, bytes) else value


def store_for(alias: str, cache: Any) -> Store | None:
    """The store for a pymemcache backend whose way of storing is the one that we know."""
    known = is_own(cache, PyMemcacheCache, *OWN)
    return PyMemcacheStore(alias, cache) if known and cache._class is HashClient else None  # noqa: SLF001 - as above
