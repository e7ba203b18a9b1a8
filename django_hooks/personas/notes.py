"""Remembers, for all workers of all hosts, which cache entries hold what belongs to one persona.

Only with this memory a leak is told from what is public by design: a persona's name in an entry that somebody else's
request computed is shown to everybody; in an entry that the persona's own request stored, and that another request was
given, it is a leak. It lies in the database and not beside the entries: a cache may throw away the one and keep the
other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Final

from django.core.cache import BaseCache

from django_hooks.models import PersonalEntry
from django_hooks.recorder import KeyId

_BATCH: Final = 200
"""Digests in one query: databases limit the parameters of a statement."""


def digest_of(key: KeyId, cache: BaseCache) -> str:
    """A name for the entry that gives nothing away; it differs with the alias's prefix, so with each release's."""
    # Django types a version as int; its key functions format whatever they are given.
    made = cache.make_key(key.key, version=key.version)  # type: ignore[arg-type]
    return hashlib.blake2b(f"{key.alias}\0{made}".encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def note(digests: Collection[str], role: str) -> None:
    """A request of ``role`` stored these, with its own markers in them."""
    for digest in digests:
        PersonalEntry.objects.update_or_create(digest=digest, defaults={"role": role, "has_leaked": False})


def noted(digests: Collection[str]) -> dict[str, PersonalEntry]:
    """Digest → what is known of it, for those that are known."""
    wanted = list(digests)
    found: dict[str, PersonalEntry] = {}
    for start in range(0, len(wanted), _BATCH):
        found |= PersonalEntry.objects.in_bulk(wanted[start : start + _BATCH])
    return found


def mark_leaked(entries: Mapping[str, PersonalEntry]) -> None:
    """These were found at somebody else's, and deleted."""
    PersonalEntry.objects.filter(pk__in=list(entries)).update(has_leaked=True)


def forget(digests: Collection[str]) -> None:
    """Somebody else's request has stored these anew: nothing in them comes from a persona any more."""
    PersonalEntry.objects.filter(pk__in=list(digests)).delete()
