"""Every error that this distribution raises on purpose, in one tree.

::

    CacheWarmingError                       exit code 1
    ├── ConfigurationError                  2   a setting, variable or argument is wrong
    │   └── UnknownNameError                2   a name that nobody registered; suggests the nearest
    ├── FileFormatError                     2   a file is malformed: names path, line and field
    │   ├── UnsupportedVersionError         2   the file is newer than this release
    │   └── UnknownLogFormatError           2   no parser recognises this log
    ├── DamagedArchiveError                 2   a compressed file breaks off; counted as one rejected line
    ├── TooManyRejectsError                 2   more of a log was rejected than the user allows
    ├── EmptyManifestError                  2   nothing was learned, and a manifest with entries would be lost
    ├── CoverageError                       3   less was warmed than required
    ├── VerificationError                   4   what was reported as warm was not found
    ├── SiteProtectionError                 5   stopped because the site suffers
    ├── AnotherRunError                     6   a run of this environment is under way
    ├── TargetNotReadyError                 7   the target does not answer, or is the wrong release
    ├── UnwritableError                     1   the outcomes cannot be written any more
    └── WriteRefusedError                   1   a warm request tried to write to the site's database

The message of each is one line that says what to do; both commands print it and leave with ``exit_code``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum
from os import PathLike, fspath


class ExitCode(IntEnum):
    """What both commands tell the pipeline; documented in ``docs/reference/exit-codes.md``."""

    WARM = 0
    UNEXPECTED = 1
    USAGE = 2
    BELOW_COVERAGE = 3
    NOT_VERIFIED = 4
    PROTECTED = 5
    ANOTHER_RUN = 6
    NOT_READY = 7


class CacheWarmingError(Exception):
    """Base of all; catch this to catch whatever this distribution raises on purpose."""

    exit_code = ExitCode.UNEXPECTED


class ConfigurationError(CacheWarmingError):
    """A setting is missing or wrong.

    Args:
        setting: its public name, such as ``WARM_BASE_URL``.
        problem: what is wrong with it, and what to do.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, setting: str, problem: str) -> None:
        self.setting = setting
        self.problem = problem
        super().__init__(f"{setting}: {problem}")


class UnknownNameError(ConfigurationError):
    """A name was given that is not among the known ones; the message suggests the nearest."""

    def __init__(self, setting: str, name: str, known: Iterable[str]) -> None:
        known = sorted(map(str, known))
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known) or 'none'}"
        super().__init__(setting, f"{name!r} is unknown; {hint}")


class FileFormatError(CacheWarmingError):
    """A file does not hold what its format promises.

    Args:
        path: the file, as the user named it.
        line: the 1-based line, or ``None`` when the file as a whole is wrong.
        field: dotted path of the field in that line (``variants.chrome``), or ``""``.
        problem: what is wrong with it.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, path: str | PathLike[str], problem: str, *, line: int | None = None, field: str = "") -> None:
        self.path = fspath(path)
        self.line = line
        self.field = field
        self.problem = problem
        where = self.path + (f", line {line}" if line is not None else "") + (f", field {field!r}" if field else "")
        super().__init__(f"{where}: {problem}")


class UnsupportedVersionError(FileFormatError):
    """The file was written by a newer release than this one."""

    def __init__(self, path: str | PathLike[str], found: int, supported: int) -> None:
        self.found = found
        super().__init__(
            path,
            f"format version {found} is newer than this release reads ({supported}); upgrade django-cache-warming",
            line=1,
            field="version",
        )


class UnknownLogFormatError(FileFormatError):
    """No log format fits the file's first lines; the message shows them and names the candidates."""


class DamagedArchiveError(CacheWarmingError):
    """A compressed file breaks off or is corrupt. Never ends a build: what came before was read, and it is counted."""

    exit_code = ExitCode.USAGE


class TooManyRejectsError(CacheWarmingError):
    """A larger share of the lines was rejected than ``--max-rejects`` allows; no manifest was written."""

    exit_code = ExitCode.USAGE


class EmptyManifestError(CacheWarmingError):
    """Nothing was learned, and writing that would replace a manifest that has entries; it was left as it is."""

    exit_code = ExitCode.USAGE


class UnwritableError(CacheWarmingError):
    """A disk filled up, or went away, while outcomes were written to it."""


class CoverageError(CacheWarmingError):
    """Less of the expected traffic was proven warm than required."""

    exit_code = ExitCode.BELOW_COVERAGE


class VerificationError(CacheWarmingError):
    """Something that was reported as warm is not in the cache."""

    exit_code = ExitCode.NOT_VERIFIED


class SiteProtectionError(CacheWarmingError):
    """The run was stopped because the site suffers, or because somebody asked for it."""

    exit_code = ExitCode.PROTECTED


class AnotherRunError(CacheWarmingError):
    """A run for this environment is under way."""

    exit_code = ExitCode.ANOTHER_RUN


class TargetNotReadyError(CacheWarmingError):
    """The deployment does not answer, or is not the release that was asked for."""

    exit_code = ExitCode.NOT_READY


class WriteRefusedError(CacheWarmingError):
    """A warm request tried to write to the site's database, and ``CACHE_WARMING["WRITES"]`` is ``"refuse"``.

    Args:
        table: what would have been written to; never the statement, which may hold what visitors typed.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            f"a warm request may not write to {table!r}; if it must, name the table in CACHE_WARMING['WRITES_EXEMPT']"
        )
