"""The arguments of a call as part of a cache key: the same text in every process, and another for other arguments."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import hashlib
import uuid
from typing import Any, Final
from urllib.parse import quote

from django.db.models import Model

_LONGEST: Final = 120
"""Characters; Memcached refuses keys beyond 250, and a prefix and a version come on top."""


def argument_text(value: Any) -> str:
    """One argument, without spaces or control characters.

    Raises:
        TypeError: its type has no text that is sure to be the same tomorrow, such as an object's default repr; or it is
            an instance without a primary key, of which there may be many.
    """
    if isinstance(value, enum.Enum):
        return argument_text(value.value)
    if isinstance(value, Model):
        return _instance_text(value)
    if isinstance(value, str):
        return "'" + quote(value, safe="")  # The quote tells "1" from 1, and "None" from None.
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, decimal.Decimal | uuid.UUID | dt.date | dt.time):
        return quote(str(value), safe=":+")
    if isinstance(value, list | tuple):
        return f"({','.join(argument_text(item) for item in value)})"
    raise TypeError(f"{type(value).__name__} cannot be part of a cache key; give cached() a key=")


def _instance_text(instance: Model) -> str:
    label, pk = instance._meta.label_lower, instance.pk  # noqa: SLF001 - documented by Django
    if pk is None or (isinstance(pk, tuple) and None in pk):
        raise TypeError(f"an unsaved {label} has no primary key, so it cannot be part of a cache key; save it first")
    return f"{label}.{pk}"


def all_shortened(texts: list[str]) -> list[str]:
    """`shortened` of each."""
    return texts if max(map(len, texts), default=0) <= _LONGEST else list(map(shortened, texts))


def shortened(text: str) -> str:
    """The text itself, or a digest of it where it is too long for a key."""
    if len(text) <= _LONGEST:
        return text
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
