"""What is asked of a store, and written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Store


class Item:
    """One key on its way to a store."""

    __slots__ = ("data", "flags", "key", "made", "size_bytes", "timeout_s", "value", "version")

    key: str
    version: int | str | None
    made: str
    """The key as the backend has it, with prefix and version."""
    timeout_s: float | None
    """As the backend keeps it; ``None`` never ends."""
    value: Any
    data: bytes | None
    """What the store will hold, byte for byte, where we write that ourselves."""
    flags: int
    """What Memcached keeps beside the bytes, to tell how they are encoded."""
    size_bytes: int
    """What the entry will take of the store, estimated from above."""

    @classmethod
    def of(cls, store: Store, key: str, version: int | str | None) -> Item:
        """An item to ask for: nothing but a key."""
        return cls.asked(key, version, store.make(key, version))

    @classmethod
    def asked(cls, key: str, version: int | str | None, made: str) -> Item:
        """The same, where it is known how the backend has the key."""
        item = Item()
        item.key, item.version, item.made = key, version, made
        return item
