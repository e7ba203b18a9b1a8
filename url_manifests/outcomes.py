"""The outcome file: how each planned request ended, one line each, written while the run goes on.

::

    {"format": "warming-outcomes", "version": 1, "run_id": "…", "env": "prod", "public_url": "https://shop.example"}
    {"url": "/en/", "profile": "chrome", "result": "stored", "page": "stored", "weight": 812, "keys": [["default", …]]}

A line that was cut in half by a kill is the last one, and is left out on reading (`OutcomeReader.cut`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from .errors import UnwritableError
from .jsonl import FieldReader, dump, open_lines, read_header
from .outcome import KeyState, Outcome, Result, RunInfo
from .traces import KeyKind

__all__ = ["KeyState", "Outcome", "OutcomeReader", "OutcomeWriter", "Result", "RunInfo", "outcome_document"]

FORMAT: Final = "warming-outcomes"
VERSION: Final = 1


class OutcomeWriter:
    """Appends outcomes to a file, a line at a time, flushed, so that a killed run loses at most its last line."""

    def __init__(self, path: str | PathLike[str], run: RunInfo) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._stream = open(path, "wb")  # noqa: SIM115 - kept open for the run; close() and the context manager end it
        try:
            self._stream.write(dump(_run_document(run)))
            self._stream.flush()
        except OSError:
            with suppress(OSError):  # closing tries to write once more
                self._stream.close()
            raise

    def write(self, outcome: Outcome, *, flush: bool = True) -> None:
        """Add one outcome.

        Args:
            flush: whether it is on its way to the disk at once; not needed of a million that nothing was done for.

        Raises:
            UnwritableError: the disk is full, or gone.
        """
        with self._explaining():
            self._stream.write(dump(outcome_document(outcome)))
            if flush:
                self._stream.flush()

    def close(self) -> None:
        """End the file.

        Raises:
            UnwritableError: its last lines cannot be written.
        """
        with self._explaining():
            self._stream.close()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnwritableError(f"{self._path} cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _run_document(run: RunInfo) -> dict[str, Any]:
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "run_id": run.run_id, "env": run.env}
    document |= {"public_url": run.public_url, "release": run.release}
    return document | ({"extra": dict(run.extra)} if run.extra else {})


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it is written: fields at their default left out."""
    document: dict[str, Any] = {"url": outcome.url}
    for name in ("host", "profile", "persona", "found_in"):
        if value := getattr(outcome, name):
            document[name] = value
    document["result"] = outcome.result
    for name in ("reason", "detail"):
        if value := getattr(outcome, name):
            document[name] = value
    document["weight"] = outcome.weight
    if not outcome.cacheable:
        document["cacheable"] = False
    for name in ("status", "page", "cold_ms", "warm_ms", "number"):
        if (value := getattr(outcome, name)) is not None:
            document[name] = value
    if outcome.expires_at_s is not None:
        document["expires_at_s"] = round(outcome.expires_at_s)
    if outcome.keys:
        document["keys"] = [_key_row(state) for state in outcome.keys]
    return document


def _key_row(state: KeyState) -> list[Any]:
    row: list[Any] = [state.alias, state.key, state.kind, state.result]
    return row if state.version is None else [*row, state.version]


class OutcomeReader:
    """An outcome file open for reading; iterate it for its outcomes.

    Raises:
        FileFormatError: the file is missing or malformed; with line and field.
        UnsupportedVersionError: a newer release wrote it.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = path
        self.cut = False
        """Whether the last line was incomplete and left out."""
        with open_lines(path) as lines:
            self.run = _read_run(read_header(path, lines, FORMAT, VERSION))

    def __iter__(self) -> Iterator[Outcome]:
        self.cut = not _ends_with_newline(self.path)
        with open_lines(self.path) as lines:
            next(lines)
            previous: tuple[int, bytes] | None = None
            for numbered in enumerate(lines, start=2):
                if previous:
                    yield self._read(*previous)
                previous = numbered
            if previous and not self.cut:
                yield self._read(*previous)

    def _read(self, number: int, raw: bytes) -> Outcome:
        return _read_outcome(FieldReader(self.path, number, raw))


def _ends_with_newline(path: str | PathLike[str]) -> bool:
    with open(path, "rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"


def _read_run(reader: FieldReader) -> RunInfo:
    run = RunInfo(
        run_id=reader.text("run_id"),
        env=reader.text("env"),
        public_url=reader.text("public_url", default=""),
        release=reader.text("release", default=""),
        extra=reader.mapping("extra", default={}),
    )
    reader.finish()
    return run


def _read_result(reader: FieldReader, name: str, value: Any) -> Result:
    try:
        return Result(value)
    except ValueError as error:
        raise reader.error(name, f"must be one of {', '.join(Result)}") from error


def _read_page(reader: FieldReader) -> Result | None:
    page = reader.text("page")
    return _read_result(reader, "page", page) if page else None


_OPTIONAL: Final[Mapping[str, Callable[[FieldReader], Any]]] = {
    "host": lambda reader: reader.text("host"),
    "profile": lambda reader: reader.text("profile"),
    "persona": lambda reader: reader.text("persona"),
    "found_in": lambda reader: reader.text("found_in"),
    "reason": lambda reader: reader.text("reason"),
    "detail": lambda reader: reader.text("detail"),
    "cacheable": lambda reader: reader.boolean("cacheable", default=True),
    "status": lambda reader: reader.integer("status", minimum=0) or None,
    "page": _read_page,
    "cold_ms": lambda reader: reader.number("cold_ms", minimum=0, default=None),
    "warm_ms": lambda reader: reader.number("warm_ms", minimum=0, default=None),
    "expires_at_s": lambda reader: reader.number("expires_at_s", minimum=0, default=None),
    "keys": lambda reader: tuple(_read_key(reader, n, row) for n, row in enumerate(reader.array("keys"))),
    "number": lambda reader: reader.integer("number", minimum=0),
}
"""What an outcome may do without. Of a million lines, most have few of them: the others are not even asked for."""


def _read_outcome(reader: FieldReader) -> Outcome:
    outcome = Outcome(
        url=reader.text("url"),
        result=_read_result(reader, "result", reader.text("result")),
        weight=reader.number("weight", minimum=0) or 0.0,
        **{name: read(reader) for name, read in _OPTIONAL.items() if name in reader},
    )
    reader.finish()
    return outcome


_KINDS: Final = {str(kind): kind for kind in KeyKind}


def _read_key(reader: FieldReader, number: int, row: Any) -> KeyState:
    name = f"keys[{number}]"
    if not isinstance(row, list) or len(row) not in (4, 5) or not all(isinstance(item, str) for item in row[:4]):
        raise reader.error(name, "must be [alias, key, kind, result] or [alias, key, kind, result, version]")
    alias, key, kind, result, *version = row
    if kind not in _KINDS:
        raise reader.error(name, f"kind must be one of {', '.join(KeyKind)}")
    return KeyState(
        alias=alias,
        key=key,
        kind=_KINDS[kind],
        result=_read_result(reader, name, result),
        version=version[0] if version else None,
    )
