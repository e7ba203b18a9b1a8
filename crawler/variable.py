"""One setting of a run; the table of all is `crawler.variables`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

PREFIX: Final = "WARM_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One setting of a run."""

    field: str
    """Its name as ``-a`` argument; in upper case behind ``WARM_`` it is the variable."""
    parse: Callable[[str], Any]
    """From text to value; raises `ValueError` with what the value must be."""
    default: str | None = None
    """``None``: required. ``{env}`` stands for the environment's name."""
    help: str
    is_secret: bool = False
    """Masked in messages, and refused as ``-a``: arguments are visible in the process list."""
    is_argument_only: bool = False
    """Belongs to one run, not to an environment, so there is no variable for it."""

    @property
    def name(self) -> str:
        """The public name, for messages and documents."""
        return self.field if self.is_argument_only else PREFIX + self.field.upper()
