"""What a command prints: any text goes to any terminal, and nobody has to read it to the end."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, TextIO, cast

from url_manifests.report import Report

from .progress import describe_counts

_NOBODY_READS: Final = (errno.EPIPE, errno.EIO)
"""``| head`` has seen enough, or the terminal is gone."""


def print_lines(stream: Any, lines: Iterable[str]) -> None:
    """Print, with escapes for what the stream's encoding has no signs for, for as long as somebody reads it."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    for line in lines:
        if not _written(stream, line.encode(encoding, "backslashreplace").decode(encoding)):
            return
    _written(stream)


def _written(stream: Any, line: str | None = None) -> bool:
    try:
        if line is None:
            stream.flush()
        else:
            stream.write(line)
    except OSError as error:
        if error.errno not in _NOBODY_READS:
            raise
        _let_go_of(stream)
        return False
    return True


def _let_go_of(stream: Any) -> None:
    """What is still in its buffer goes nowhere, or Python would complain of it at its end."""
    with suppress(OSError, ValueError):  # it may be no file at all
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def report_lines(report: Report) -> Iterator[str]:
    """What a person needs to know of a run."""
    yield f"{describe_counts(report.results)}; coverage {report.coverage:.3f}: {report.outcome}"
    for reason, count in report.reasons.most_common():
        yield f"  {count} {reason}: {', '.join(report.examples[reason])}"
    check = report.extra.get("cross_check", {})
    if check.get("unverified_before"):
        yield f"  {check['unverified_before']} that the run had left unverified were looked for"
    for finding in check.get("findings", ()):
        yield "  {finding}: {alias} {key} of {url} {detail}".format(**finding).rstrip()


def lasting(stream: Any) -> TextIO:
    """The stream, of which it is no error that its terminal is gone: the run's own end, and its exit code, matter."""
    return cast("TextIO", _Lasting(stream))


class _Lasting:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
