"""What is said in place of cache keys that let somebody in, such as those of sessions: see `Warmer.secret_keys`."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from django.conf import settings
from django.db import OperationalError
from django.utils.encoding import force_bytes

from django_hooks import stores
from url_manifests.errors import CacheWarmingError

from .base import CacheEntry, Warmer

WITHHELD: Final = "(withheld: it may name a secret key)"
_PIECE_CHARS: Final = 6
"""As much of a key as a text may hold by chance."""


def digest_of(key: str) -> str:
    """The same for one key in every run of a project. Without its ``SECRET_KEY`` nobody can try keys out."""
    return f"secret-{blake2b(_bytes(key), key=_pepper(force_bytes(settings.SECRET_KEY)), digest_size=8).hexdigest()}"


@lru_cache(maxsize=1)
def _pepper(secret: bytes) -> bytes:
    return blake2b(secret, person=b"warm_cache keys").digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def secrets_of(entry: CacheEntry) -> tuple[Any, ...]:
    """What no text may name: the key, and what it is made of where that is text, as a session's own key is."""
    return (entry.key, entry.source) if isinstance(entry.source, str) else (entry.key,)


def withheld(text: str, *secrets: Any) -> str:
    """The text, or, where it holds a piece of one of the secrets, what is left of it: the name of an exception."""
    if not _names_one(text, secrets):
        return text
    head = text.partition(":")[0]
    return f"{head}: {WITHHELD}" if head.isidentifier() and not _names_one(head, secrets) else WITHHELD


def _names_one(text: str, secrets: tuple[Any, ...]) -> bool:
    return any(
        secret[start : start + _PIECE_CHARS] in text
        for secret in map(str, secrets)
        if secret
        for start in range(max(1, len(secret) - _PIECE_CHARS + 1))
    )


def told(error: BaseException, warmer: Warmer) -> str:
    """What a warmer raised as one short line; where it is not known which keys the text may name, without the text."""
    if not warmer.secret_keys or isinstance(error, CacheWarmingError | OperationalError):
        return stores.describe(error)
    return f"{type(error).__name__}: {WITHHELD}"
