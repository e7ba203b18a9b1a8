"""Key functions of real sites: a hash, and a version that is a generation counter kept in a cache itself."""

from __future__ import annotations

from hashlib import sha256

from django.core.cache import caches


def hashed(key: str, key_prefix: str, version: int) -> str:
    """A key of one length, whatever it names."""
    return f"{key_prefix}.{sha256(f'{version}/{key}'.encode()).hexdigest()}"


def of_the_generation(key: str, key_prefix: str, version: int) -> str:
    """Everything under the old keys is out of reach once the counter has moved."""
    return f"{key_prefix}:{_generation('rotating')}:{version}:{key}"


def of_the_request(key: str, key_prefix: str, version: int) -> str:
    """The counter moves with every request."""
    return f"{key_prefix}:{_generation('restless')}:{version}:{key}"


def rotate(name: str) -> None:
    """Move a counter."""
    caches["default"].add(f"generation-{name}", 1, None)
    caches["default"].incr(f"generation-{name}")


def _generation(name: str) -> int:
    return int(caches["default"].get(f"generation-{name}", 1))
