"""Values of settings and options, each read by one function that says in a ValueError what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", re.IGNORECASE)
_FACTORS: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_MOST_DAYS: Final = 100_000


def seconds(value: Any) -> float:
    """A time above 0.

    Raises:
        ValueError: it is none.
    """
    if not (number := _number(value)) > 0:
        raise ValueError(f"must be seconds above 0, is {value!r}")
    return number


def share(value: Any) -> float:
    """A number from 0 to 1.

    Raises:
        ValueError: it is none.
    """
    if not 0 <= (number := _number(value)) <= 1:
        raise ValueError(f"must be from 0 to 1, is {value}")
    return number


def size_bytes(value: Any) -> int:
    """A number of bytes, or text such as ``512M``.

    Raises:
        ValueError: it is neither, or not above 0.
    """
    match = _SIZE.fullmatch(str(value).strip())
    if isinstance(value, bool) or match is None or not (size := int(float(match[1]) * _FACTORS[match[2].lower()])):
        raise ValueError(f"must be bytes, or a size such as 512M, is {value!r}")
    return size


def count(value: Any) -> int:
    """A whole number above 0.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"must be a whole number above 0, is {value!r}")
    return value


def count_or_0(value: Any) -> int:
    """A whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"must be a whole number from 0, is {value!r}")
    return value


def days(value: Any) -> int:
    """A whole number of days from 0, so few that one can count back from today."""
    if count_or_0(value) > _MOST_DAYS:
        raise ValueError(f"must be days up to {_MOST_DAYS}, is {value!r}")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"must be a number, is {value!r}")
    return value


def seconds_or_0(value: Any) -> float:
    """A time from 0."""
    if not (number := _number(value)) >= 0:
        raise ValueError(f"must be seconds from 0, is {value!r}")
    return number


def flag(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"must be True or False, is {value!r}")  # noqa: TRY004 - one kind of error for all parsers
    return value


def text(value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise ValueError(f"must be text, is {value!r}")  # noqa: TRY004 - as above
    return value


def names(value: Any) -> tuple[str, ...]:
    """A list of texts."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"must be a list of names, is {value!r}")  # noqa: TRY004 - as above
    return tuple(text(name) for name in value)


def one_of(choices: Sequence[str]) -> Callable[[Any], str]:
    """One of some words."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, is {value!r}")
        return str(value)

    return parse
