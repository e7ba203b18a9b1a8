"""A cell: what requests have in common, as one whole number, so that counting a line is adding to one dictionary.

From the low end: whether somebody was signed in, the step of time, the variant, the hour + 1, marks of lines that do
not count, the number of the target. The parts are in place already when they are looked up; a cell is their ``or``.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final

TIME_BIT: Final = 1
VARIANT_BIT: Final = 11
HOUR_BIT: Final = 23
MARK_BIT: Final = 43
TARGET_BIT: Final = 46

SIGNED_IN: Final = 1
EXCLUDED_AGENT: Final = 1 << 22
"""The highest bit of the variant: below it is then the number of the rule that excludes the program."""
BAD_STATUS: Final = 1 << MARK_BIT
OTHER_METHOD: Final = 2 << MARK_BIT
ODD_LINE: Final = 4 << MARK_BIT
"""Not to be counted here: the general parser must read the line."""
NOT_COUNTED: Final = EXCLUDED_AGENT | BAD_STATUS | OTHER_METHOD

TIME_STEPS_PER_DOUBLING: Final = 8
"""Times are kept as logarithms: 8 steps are 9 % apart."""
_MAX_STEP: Final = (1 << VARIANT_BIT - TIME_BIT) - 1

GOOD_STATUSES: Final = frozenset({b"200", b"304"})
"""What Django stores, and what a visitor's browser gets when it holds a copy of that."""
NOBODY: Final = frozenset({b"", b"-", b"0", b'""', b'"-"', b"null", b"None", b"anonymous", b"AnonymousUser"})
"""What logs write as the user's name when nobody is signed in."""


def page_hash(host: str, url: str) -> int:
    """64 bits that stand for a page; among 3 million pages two are the same once in 4 million builds."""
    digest = hashlib.blake2b(f"{host} {url}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def time_step(time_us: int) -> int:
    """The logarithmic step of a duration; 0 means unknown."""
    return min(1 + int(TIME_STEPS_PER_DOUBLING * math.log2(time_us + 1)), _MAX_STEP)


def step_ms(step: int) -> float:
    """The duration, in milliseconds, in the middle of a step."""
    return float(2 ** ((step - 0.5) / TIME_STEPS_PER_DOUBLING) / 1000)
