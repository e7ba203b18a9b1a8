"""Whether a value that was read is the value that was written."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any


def is_same(read: Any, written: Any) -> bool:
    """Whether what was read is what was written.

    Both are compared as bytes after one way through pickle, because equality means too little for some (two model
    instances are equal by their primary key) and too much for others (objects without ``__eq__``). A backend with
    another serializer, which gives text for safe text, is satisfied by equality.
    """
    try:
        if _digest(read) == _digest(pickle.loads(pickle.dumps(written))):  # noqa: S301 - our own bytes
            return True
        return bool(read == written)
    except (pickle.PickleError, TypeError, ValueError, AttributeError):
        return False  # Not comparable, such as an array whose truth is ambiguous: reported as different.


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(pickle.dumps(value)).digest()
