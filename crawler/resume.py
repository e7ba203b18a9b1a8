"""Going on with a run that was stopped, however it was stopped: ``-a resume=RUN_ID``.

The outcome file is the journal. Each line was flushed as soon as its outcome was known, with its position in the plan;
the plan is the same again, since it follows from the manifest and the personas' roles alone. So what the file holds is
kept, and what it lacks is asked for: memory takes one bit for each position.

Kept is what was answered for good: proven, not stored, unverifiable. What failed, and what was skipped because the run
ended, is asked for again and takes the place of the old line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from url_manifests.errors import ConfigurationError, FileFormatError
from url_manifests.outcomes import Outcome, OutcomeReader, Result

NAME: Final = "-a resume"
_ASKED_AGAIN: Final = frozenset({Result.FAILED, Result.SKIPPED})


def plan_mark(manifest: Path, roles: Sequence[str]) -> dict[str, Any]:
    """What the positions of a plan follow from, for the outcome file's first line."""
    with manifest.open("rb") as stream:
        return {"manifest": hashlib.file_digest(stream, "sha256").hexdigest(), "roles": list(roles)}


def earlier_run(path: Path, run_id: str, mark: dict[str, Any]) -> OutcomeReader:
    """The outcomes of the run to go on with.

    Raises:
        ConfigurationError: the file is another run's, or the run had another plan.
        FileFormatError: the file is missing or malformed.
    """
    reader = OutcomeReader(path)
    if reader.run.run_id != run_id:
        raise ConfigurationError(NAME, f"{path} holds run {reader.run.run_id}, not {run_id}; start a new run")
    found = reader.run.extra.get("plan")
    known = found if isinstance(found, dict) else {}
    if known.get("manifest") != mark["manifest"]:
        raise ConfigurationError(NAME, f"the manifest has changed since run {run_id}; start a new run")
    if known.get("roles") != mark["roles"]:
        problem = f"run {run_id} asked as {known.get('roles')}, this one would ask as {mark['roles']}"
        raise ConfigurationError(NAME, f"{problem}; start a new run")
    return reader


def kept(earlier: OutcomeReader) -> Iterator[Outcome]:
    """The outcomes that stay as they are."""
    for outcome in earlier:
        # What a page loads later has no place in the plan: nobody would ask for it again.
        if outcome.found_in or (outcome.number is not None and outcome.result not in _ASKED_AGAIN):
            yield outcome


class Positions:
    """A set of positions in the plan: one bit each.

    Args:
        end: no position is as large; a damaged file must not fill the memory.
    """

    def __init__(self, path: Path, end: int) -> None:
        self._path = path
        self._end = end
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Note a position.

        Raises:
            FileFormatError: it is there already, or beyond the plan.
        """
        if number >= self._end or number in self:
            problem = f"position {number} is beyond the plan, or there twice; start a new run"
            raise FileFormatError(self._path, problem, field="number")
        self._bits.extend(bytes(max(number // 8 + 1 - len(self._bits), 0)))
        self._bits[number // 8] |= 1 << number % 8

    def __contains__(self, number: int) -> bool:
        return number // 8 < len(self._bits) and bool(self._bits[number // 8] >> number % 8 & 1)
