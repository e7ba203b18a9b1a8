"""Locks that other machines see, in the cache and in the database: each ends by itself unless its holder renews it.

Both are taken where both can be had. A cache forgets (a flush, an eviction), a database may be out of reach for one of
two machines; a second run has to get past both.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cache as remembered
from pathlib import Path
from typing import Any, Final, Protocol, Self

from django.core.cache import BaseCache, caches
from django.db.models import Q
from django.db.models.functions import Now

from url_manifests.errors import AnotherRunError, CacheWarmingError

from . import stores
from .models import RunLock

CACHE_KEY: Final = "cache_warming.run_lock"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class LeaseHeldError(AnotherRunError):
    """Somebody else has the lease.

    Args:
        holder: who, where that is known.
    """

    def __init__(self, holder: Holder | None) -> None:
        self.holder = holder
        super().__init__(f"another {holder.what if holder else 'run'} is under way ({holder or 'unknown'})")


class LeaseUnusableError(CacheWarmingError):
    """The store keeps no lock that another machine would see; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock."""

    token: str = field(default_factory=lambda: secrets.token_hex(16))
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    file: str = ""
    """The lock file of its machine, such that no other file of any machine is called the same."""
    run: str = ""
    """The crawl that it is; empty for ``warm_cache``."""
    since_s: int = 0
    """Unix time at which a crawl began."""

    @property
    def what(self) -> str:
        return "crawl" if self.run else "warm_cache"

    def __str__(self) -> str:
        run = f"run {self.run}, " if self.run else ""
        return f"{run}process {self.pid} on {self.host}"

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, document: Any) -> Self | None:
        """The holder that a store names; ``None`` when it is none of ours."""
        try:
            return cls(**document)
        except TypeError:
            return None

    def has_died_before(self, successor: Holder) -> bool:
        """Whether ``successor`` has the very file locked that this holder would have locked if it were alive."""
        return bool(self.file) and self.file == successor.file


def file_identity(handle: int) -> str:
    """One name for an open file among those of all machines: this boot of this machine, device and inode."""
    status = os.fstat(handle)
    return f"{_boot()}:{status.st_dev}:{status.st_ino}"


@remembered
def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return secrets.token_hex(16)  # Not Linux: no two processes are taken for neighbours, and a lock has to run out.


class Renewable(Protocol):
    """What ends unless it is renewed."""

    def renew(self) -> Holder | None:
        """Keep it for another while; whoever else has it now, if anybody. An exception means that nobody knows."""


class Lease(Renewable, Protocol):
    """A lock in one store."""

    def take(self) -> None:
        """Take it.

        Raises:
            LeaseHeldError: somebody else has it.
            LeaseUnusableError: this store is of no use for it.
        """

    def give_back(self) -> None:
        """End it, if it is still ours."""


class CacheLease:
    """An entry that ``cache.add`` puts there for one only."""

    def __init__(self, alias: str, holder: Holder, ttl_s: float, key: str = CACHE_KEY) -> None:
        self._alias = alias
        self._key = key
        self._holder = holder
        self._ttl_s = ttl_s

    @property
    def _cache(self) -> BaseCache:
        return caches[self._alias]  # Looked up anew: the heartbeat's thread has a connection of its own.

    def take(self) -> None:
        other = self._other_after_adding()
        if other is not None and other.has_died_before(self._holder):
            self._cache.delete(self._key)
            other = self._other_after_adding()
        if other is not None:
            raise LeaseHeldError(other)

    def _other_after_adding(self) -> Holder | None:
        if stores.keeps_to_itself(self._cache):
            raise LeaseUnusableError(f"the cache {self._alias!r} is not seen by other machines")
        self._cache.add(self._key, self._holder.document(), self._ttl_s)
        # What add() says is not believed: a backend that hides its errors says what it likes.
        found = Holder.read(self._cache.get(self._key))
        if found is None:
            raise LeaseUnusableError(f"the cache {self._alias!r} does not keep the lock")
        return None if found.token == self._holder.token else found

    def renew(self) -> Holder | None:
        found = Holder.read(self._cache.get(self._key))
        if found is None or (found.token == self._holder.token and not self._cache.touch(self._key, self._ttl_s)):
            return (
                self._other_after_adding()
            )  # Forgotten by a flush or an eviction: ours again unless somebody was first
        return None if found.token == self._holder.token else found

    def give_back(self) -> None:
        found = Holder.read(self._cache.get(self._key))
        if found is not None and found.token == self._holder.token:
            self._cache.delete(self._key)


class DatabaseLease:
    """A row that one statement changes for one only, by the database's own clock."""

    def __init__(self, name: str, holder: Holder, ttl_s: float) -> None:
        self._name = name
        self._holder = holder
        self._ttl = timedelta(seconds=ttl_s)

    @property
    def _values(self) -> dict[str, Any]:
        return {"token": self._holder.token, "holder": self._holder.document(), "ends_at": Now() + self._ttl}

    def take(self) -> None:
        row, is_new = RunLock.objects.get_or_create(name=self._name, defaults=self._values)
        if is_new:
            return
        other = Holder.read(row.holder)
        is_free = Q(ends_at__lte=Now()) | Q(token=self._holder.token)
        if other is not None and other.has_died_before(self._holder):
            is_free |= Q(token=row.token)
        if not RunLock.objects.filter(is_free, name=self._name).update(**self._values):
            raise LeaseHeldError(other)

    def renew(self) -> Holder | None:
        ours = Q(token=self._holder.token) | Q(ends_at__lte=Now())
        if RunLock.objects.filter(ours, name=self._name).update(**self._values):
            return None
        row, _ = RunLock.objects.get_or_create(name=self._name, defaults=self._values)
        return None if row.token == self._holder.token else Holder.read(row.holder)

    def give_back(self) -> None:
        RunLock.objects.filter(name=self._name, token=self._holder.token).delete()
