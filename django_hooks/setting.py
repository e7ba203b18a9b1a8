"""What is known of one key of the ``CACHE_WARMING`` setting, and whether a value is one that it may have."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key of the dict."""

    name: str
    types: tuple[type, ...]
    default: Any
    help: str
    valid: Callable[[Any], object] | None = None
    """Reads a value of the right type, or says in a ValueError what is wrong with it. A wrong one is never used."""
    among: Callable[[], Iterable[str]] | None = None
    """The names that other settings define, of which the value has to be one. Only a system check looks it up."""

    def problem(self, value: Any) -> str:
        """What is wrong with ``value`` in itself; empty when nothing is."""
        return self.type_problem(value) or self.value_problem(value)

    def type_problem(self, value: Any) -> str:
        """What is wrong with the type of ``value``; empty when nothing is."""
        if isinstance(value, self.types) and not (isinstance(value, bool) and bool not in self.types):
            return ""
        wanted = " or ".join(kind.__name__ for kind in self.types)
        return f"must be {wanted}, is {type(value).__name__}"

    def value_problem(self, value: Any) -> str:
        """What is wrong with a value of the right type; empty when nothing is."""
        if self.valid is not None:
            try:
                self.valid(value)
            except ValueError as error:
                return str(error)
        return ""

    def name_problem(self, value: Any) -> str:
        """Whether ``value`` names what is not there; empty when it is."""
        if self.among is None or value in (known := sorted(map(str, self.among()))):
            return ""
        nearest = difflib.get_close_matches(value, known, n=1)
        return f"names {value!r}, which is unknown; " + (
            f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}"
        )


def cache_aliases() -> Iterable[str]:
    """The names of ``CACHES``."""
    return settings.CACHES


def task_backends() -> Iterable[str]:
    """The names of ``TASKS``."""
    # Without that setting, the frameworks define this one themselves.
    return {"default", *getattr(settings, "TASKS", {})}
