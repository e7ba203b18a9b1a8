"""JSON Lines with a header line, as both file formats use it: typed field access that says where a file is wrong."""

from __future__ import annotations

import json
import math
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final, NoReturn

from .errors import FileFormatError, UnsupportedVersionError

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is not one of ours; reading stops instead of filling the memory."""

_MISSING: Final = object()
_NEW_FILE_MODE: Final = 0o644


@contextmanager
def open_lines(path: str | PathLike[str]) -> Iterator[Iterator[bytes]]:
    """The lines of a file, without their ends; a missing or unreadable file is a `FileFormatError`."""
    try:
        stream = open(path, "rb")  # noqa: SIM115 - closed below; only opening it may fail like this
    except OSError as error:
        raise FileFormatError(path, f"cannot be read: {error.strerror}") from error
    with stream:
        yield _limited_lines(path, stream.readline)


def _limited_lines(path: str | PathLike[str], readline: Callable[[int], bytes]) -> Iterator[bytes]:
    number = 0
    while raw := readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise FileFormatError(path, f"longer than {MAX_LINE_BYTES} bytes", line=number)
        yield raw.rstrip(b"\r\n")


@contextmanager
def replacing(path: str | PathLike[str], mode: int | None = None) -> Iterator[Path]:
    """A temporary path in the same folder, renamed onto ``path`` when the block ends well and removed when not.

    A link stays a link. What is no file, such as ``/dev/stdout`` or a pipe, is written to as it is.

    Args:
        mode: permissions; ``None`` for those of the file that is replaced, and 0644 for a new one.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        yield target
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode is None:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _NEW_FILE_MODE
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _to_disk(temporary)
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _to_disk(path: Path) -> None:
    """Wait until the content is on the disk: after a power cut the new name must not lead to an empty file."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_reject_constant)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "))
"""Both made once: ``json`` makes one a call, which takes longer than reading or writing a line."""


def dump(document: Mapping[str, Any]) -> bytes:
    """One line, the same bytes for the same document."""
    return encodable(_ENCODER.encode(document)) + b"\n"


def encodable(text: str) -> bytes:
    """The bytes of a JSON text; half of a surrogate pair, which has none, is written as JSON can escape it."""
    return text.encode("utf-8", "backslashreplace")


def write_lines(path: str | PathLike[str], header: Mapping[str, Any], documents: Iterable[Mapping[str, Any]]) -> None:
    """Write header and documents through a temporary file; nothing half-written is ever seen under ``path``."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(dump(header))
        for document in documents:
            stream.write(dump(document))


def read_header(path: str | PathLike[str], lines: Iterator[bytes], expected: str, version: int) -> FieldReader:
    """The first line, after a check that it is a header of this format, of a version that this release reads."""
    first = next(lines, b"")
    if not first.strip():
        raise FileFormatError(path, f"is empty; expected a {expected} header", line=1)
    reader = FieldReader(path, 1, first)
    if (found := reader.text("format")) != expected:
        raise reader.error("format", f"must be {expected!r}, is {found!r}")
    if (found_version := reader.integer("version", minimum=1)) > version:
        raise UnsupportedVersionError(path, found_version, version)
    return reader


class FieldReader:
    """One JSON object of a file; each getter checks one field, and `finish` complains about those nobody asked for."""

    def __init__(
        self, path: str | PathLike[str], line: int, source: bytes | Mapping[str, Any], prefix: str = ""
    ) -> None:
        self._path = path
        self._line = line
        self._prefix = prefix
        self._fields = dict(source) if isinstance(source, Mapping) else self._parse(source)

    def _parse(self, raw: bytes) -> dict[str, Any]:
        try:
            document = _DECODER.decode(raw.decode(json.detect_encoding(raw), "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise FileFormatError(self._path, f"is not JSON: {error}", line=self._line) from error
        if not isinstance(document, dict):
            raise FileFormatError(self._path, "must be a JSON object", line=self._line)
        return document

    def __contains__(self, field: str) -> bool:
        """Whether it is there, and no getter has taken it yet."""
        return field in self._fields

    def error(self, field: str, problem: str) -> FileFormatError:
        """An error at ``field`` of this line, for the caller to raise."""
        return FileFormatError(self._path, problem, line=self._line, field=self._prefix + field)

    def _take(self, field: str, default: Any) -> Any:
        value = self._fields.pop(field, _MISSING)
        if value is not _MISSING:
            return value
        if default is _MISSING:
            raise self.error(field, "is missing")
        return default

    def text(self, field: str, default: Any = _MISSING) -> str:
        value = self._take(field, default)
        if not isinstance(value, str):
            raise self.error(field, "must be text")
        return value

    def integer(self, field: str, *, minimum: int, default: Any = _MISSING) -> int:
        value = self._take(field, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise self.error(field, f"must be a whole number from {minimum}")
        return value

    def number(
        self, field: str, *, minimum: float, maximum: float = math.inf, default: float | object | None = _MISSING
    ) -> float | None:
        value = self._take(field, default)
        if value is None and default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            top = "" if maximum == math.inf else f" to {maximum:g}"
            raise self.error(field, f"must be a number from {minimum:g}{top}")
        return value

    def boolean(self, field: str, *, default: bool) -> bool:
        value = self._take(field, default)
        if not isinstance(value, bool):
            raise self.error(field, "must be true or false")
        return value

    def mapping(self, field: str, default: Any = _MISSING) -> dict[str, Any]:
        value = self._take(field, default)
        if not isinstance(value, dict):
            raise self.error(field, "must be an object")
        return dict(value)

    def array(self, field: str, default: Any = _MISSING) -> list[Any]:
        value = self._take(field, default)
        if not isinstance(value, list):
            raise self.error(field, "must be an array")
        return list(value)

    def timestamp(self, field: str) -> datetime | None:
        """An ISO 8601 time with its offset, or ``None`` for ``null`` and for a missing field."""
        value = self._take(field, None)
        if value is None:
            return None
        try:
            parsed = datetime.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self.error(field, "must be an ISO 8601 time") from error
        if parsed.tzinfo is None:
            raise self.error(field, "must say its offset from UTC")
        return parsed

    def child(self, field: str) -> FieldReader:
        """A nested object, with its own `finish`."""
        return FieldReader(self._path, self._line, self.mapping(field, {}), f"{self._prefix}{field}.")

    def finish(self) -> None:
        """Raise for a field that no getter took."""
        if self._fields:
            unknown = next(iter(self._fields))
            raise self.error(unknown, "is unknown in this version of the format")
