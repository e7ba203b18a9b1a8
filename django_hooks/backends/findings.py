"""What can be wrong with an entry, and with the time that it has left."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, TypeAlias

SLACK_S: Final = 1.5
"""By how much a time left may be off: some backends count whole seconds, and round either way."""


class Finding(StrEnum):
    """What is wrong with one key after it was written, or read back."""

    TAKEN = "taken"
    """Somebody else's live value was there first, and was left alone."""
    REFUSED = "refused"
    """The backend said no."""
    MISSING = "missing"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"
    TIMEOUT = "timeout"
    """It lives for another time than it was given."""


Problems: TypeAlias = dict[int, tuple[Finding, str]]
"""Index of an item → what is wrong with it, and a detail for people."""


class Gone(Enum):
    """Tells "not there" from ``None``, which is an entry that never ends."""

    GONE = "gone"


GONE: Final = Gone.GONE


def wrong_time(
    timeout_s: float | None, left_s: float | Gone | None, elapsed_s: float, slack_s: float = SLACK_S
) -> tuple[Finding, str] | None:
    """The finding for a time left that the timeout does not explain, if so."""
    if isinstance(left_s, Gone):
        # It was there a moment ago: nothing is wrong when its life was short.
        return None if timeout_s is not None and timeout_s <= elapsed_s + 1 else (Finding.MISSING, "")
    if timeout_s is None and left_s is None:
        return None
    if timeout_s is not None and left_s is not None and -slack_s - elapsed_s <= left_s - timeout_s <= slack_s:
        return None
    return Finding.TIMEOUT, f"given {_seconds(timeout_s)}, has {_seconds(left_s)} left"


def _seconds(seconds: float | None) -> str:
    return "no end" if seconds is None else f"{seconds:.0f} s"
