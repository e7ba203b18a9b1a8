"""Is a manifest sound: readable, safe to replay and to commit, without duplicates, and recent enough?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from os import PathLike

from .errors import FileFormatError
from .manifest import ManifestReader
from .masking import masked
from .safety import SafetyRules


@dataclass(frozen=True, slots=True)
class Checked:
    """What a sound manifest holds."""

    entries: int
    hits: int


def check_manifest(
    path: str | PathLike[str], safety: SafetyRules, *, now: datetime, max_age: timedelta | None = None
) -> Checked:
    """Read all of a manifest and check every entry.

    Args:
        safety: the rules of `build`, with the user's own.
        now: aware time, to tell the age of the window's end.
        max_age: how old the window's end may be.

    Raises:
        FileFormatError: the first thing that is wrong, with line and field.
    """
    reader = ManifestReader(path)
    end = reader.header.window_end
    if max_age is not None and (end is None or now - end > max_age):
        age = f"ends {(now - end).days} days ago" if end else "is unknown"
        raise FileFormatError(
            path, f"the window {age}, more than {max_age.days} allowed; build it again", line=1, field="window.end"
        )
    seen: dict[tuple[str, str], int] = {}
    hits = 0
    for line, entry in enumerate(reader, start=2):
        if verdict := safety.verdict(entry.url):
            raise FileFormatError(
                path, f"{verdict} must not be in a manifest: {masked(entry.url)}", line=line, field="url"
            )
        if (first := seen.setdefault((entry.host, entry.url), line)) != line:
            raise FileFormatError(path, f"repeats line {first}", line=line, field="url")
        hits += entry.hits
    return Checked(len(seen), hits)
