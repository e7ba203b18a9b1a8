"""Finds, after a ticketed request, what it was given of another persona or has stored of its own for everybody.

Three rules, for a request made as A (a persona, or anonymous):

1. It was given an entry that a request of persona B had stored, with B's markers in it, and they are still there: a
   leak.
2. A is signed in and stored a page with A's own markers, in which neither ``Cookie`` nor ``Authorization`` belongs to
   the key: a leak that nobody has met yet.
3. It stored A's own markers under any other key: nothing to complain of yet, but noted, so that rule 1 holds when
   another request gets it.

A leak is deleted at once: a page with the list of headers that leads to it. Where the notes cannot be written, what
would have been noted is deleted too, though not called a leak.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.cache import BaseCache
from django.db import DatabaseError
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from django_hooks import stores
from django_hooks.recorder import PAGE_BODY_PREFIX, KeyId
from url_manifests.traces import HEADER_LIST_PREFIX

from . import notes
from .identity import UNKNOWN, Identity
from .markers import Markers, UnsearchableError

MAX_TOLD: Final = 20
"""Leaks named in one trace; all are deleted."""
_IDENTIFYING: Final = frozenset({"HTTP_COOKIE", "HTTP_AUTHORIZATION"})
"""What the page cache calls the headers that tell one visitor from another."""


@dataclass(slots=True)
class Findings:
    """What came out of one check."""

    leaks: dict[KeyId, str] = field(default_factory=dict)
    """Entry → the role it belongs to."""
    cleared: dict[KeyId, str] = field(default_factory=dict)
    """Entries once taken for leaks that somebody else's request has now stored alike: public by design."""
    deleted: set[KeyId] = field(default_factory=set)
    kept: set[KeyId] = field(default_factory=set)
    """Leaks that the backend still had after they were deleted."""
    seen: frozenset[str] = frozenset()
    """Other personas whose markers stand in the answer, though in no entry of theirs: public, or kept elsewhere."""
    unsearched: int = 0
    """Values that could not be looked into."""


class LeakCheck:
    """One request's check; reads and deletes, so it must run when nothing listens to the caches any more."""

    def __init__(
        self, caches: Mapping[str, BaseCache], markers: Markers, identity: Identity, errors: Counter[str]
    ) -> None:
        self._caches = caches
        self._markers = markers
        self._role = identity.role
        self._errors = errors
        self._found = Findings()
        self._header_lists: dict[str, list[list[str]]] = {}
        """Alias → the lists of headers that this request's pages vary on."""

    def run(self, given: Iterable[KeyId], written: Collection[KeyId], response: HttpResponseBase) -> Findings:
        """Check the entries that the request was given and those it wrote, then delete what must go."""
        pages = [key for key in (*given, *written) if _is_header_list(key)]
        self._read_header_lists([key for key in written if _is_header_list(key)])
        try:
            self._check_written(dict(self._roles_in(written)))
            self._check_given(dict(self._roles_in(given)))
        except DatabaseError as error:
            self._errors[type(error).__name__] += 1
            own = [key for key, roles in self._roles_in(written) if self._role in roles]
            self._found.deleted.update(own)
        self._delete(pages)
        self._look_at(response)
        return self._found

    def _roles_in(self, keys: Iterable[KeyId]) -> Iterator[tuple[KeyId, frozenset[str]]]:
        """The entries that hold anybody's markers; read in batches, for pages can be large."""
        for key, value in self._values([key for key in keys if not _is_header_list(key)]):
            try:
                roles = self._markers.found_in(value)
            except UnsearchableError:
                self._found.unsearched += 1
                continue
            if roles:
                yield key, roles

    def _values(self, keys: Iterable[KeyId]) -> Iterator[tuple[KeyId, Any]]:
        groups: dict[tuple[str, int | str | None], list[KeyId]] = {}
        for key in keys:
            groups.setdefault((key.alias, key.version), []).append(key)
        for (alias, version), members in groups.items():
            for batch in stores.batches(members, stores.READ_BATCH):
                found = stores.read_back(self._caches[alias], [key.key for key in batch], version)
                self._errors.update(found.errors)
                self._found.unsearched += len(found.unreadable)
                yield from ((key, found.values[key.key]) for key in batch if key.key in found.values)

    def _read_header_lists(self, keys: Iterable[KeyId]) -> None:
        for key, value in self._values(keys):
            self._header_lists.setdefault(key.alias, []).append([str(name) for name in value])

    def _check_written(self, roles: Mapping[KeyId, frozenset[str]]) -> None:
        own = [key for key in roles if self._role and self._role in roles[key]]
        for key in own:
            if key.key.startswith(PAGE_BODY_PREFIX) and not self._is_told_apart(key):
                self._found.leaks[key] = self._role
        if self._role != UNKNOWN:
            notes.note([self._digest(key) for key in own if key not in self._found.leaks], self._role)
        self._clear({key: found - {self._role} for key, found in roles.items() if found - {self._role}})

    def _is_told_apart(self, page: KeyId) -> bool:
        """Whether every header list of the page's alias has a header that tells visitors apart."""
        lists = self._header_lists.get(page.alias, [])
        return bool(lists) and all(_IDENTIFYING & set(names) for names in lists)

    def _clear(self, others: Mapping[KeyId, frozenset[str]]) -> None:
        known = notes.noted([self._digest(key) for key in others])
        for key, roles in others.items():
            entry = known.get(self._digest(key))
            if entry and entry.role in roles and entry.has_leaked:
                self._found.cleared[key] = entry.role
        if known:
            notes.forget([digest for digest, entry in known.items() if entry.role != self._role])

    def _check_given(self, roles: Mapping[KeyId, frozenset[str]]) -> None:
        strange = {key: found - {self._role} for key, found in roles.items() if found - {self._role}}
        known = notes.noted([self._digest(key) for key in strange]) if strange else {}
        leaked = {}
        for key, found in strange.items():
            entry = known.get(self._digest(key))
            if entry and entry.role in found:
                self._found.leaks[key] = entry.role
                leaked[entry.digest] = entry
        if leaked:
            notes.mark_leaked(leaked)

    def _delete(self, header_lists: Iterable[KeyId]) -> None:
        doomed = {*self._found.leaks, *self._found.deleted}
        aliases = {key.alias for key in doomed if key.key.startswith(PAGE_BODY_PREFIX)}
        doomed |= {key for key in header_lists if key.alias in aliases}
        erase(self._caches, doomed, self._errors)
        still_there = {key for key, _ in self._values(doomed)}
        self._found.kept = still_there & set(self._found.leaks)
        self._found.deleted = doomed - still_there

    def _look_at(self, response: HttpResponseBase) -> None:
        if not isinstance(response, HttpResponse):
            return
        try:
            strange = self._markers.found_in(response) - {self._role}
        except UnsearchableError:
            self._found.unsearched += 1
            return
        self._found.seen = strange - set(self._found.leaks.values())

    def _digest(self, key: KeyId) -> str:
        return notes.digest_of(key, self._caches[key.alias])


def erase(caches: Mapping[str, BaseCache], keys: Iterable[KeyId], errors: Counter[str]) -> None:
    """Delete entries; what a backend raises is counted."""
    for key in keys:
        try:
            caches[key.alias].delete(key.key, version=key.version)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - a backend may raise anything; counted, and a read-back tells
            errors[type(error).__name__] += 1


def _is_header_list(key: KeyId) -> bool:
    return key.key.startswith(HEADER_LIST_PREFIX)
