"""One request a row under a line of column names: what log warehouses, spreadsheets and CDNs export as CSV."""

from __future__ import annotations

import csv
from typing import Final

from . import fields
from .clock import Clock
from .json_lines import JsonFormat
from .record import COLUMNS, DIRECTIVE, UNRECOGNISED, Parsed

_SEPARATORS: Final = ",;\t|"


class CsvFormat:
    """Rows under the latest heading; the names are those of `fields`. Its lines depend on earlier ones."""

    name = "csv"

    def __init__(self, clock: Clock) -> None:
        self._named = JsonFormat(clock)
        self._names: list[str] = []
        self._separator = ","

    def parse(self, line: bytes) -> Parsed:
        """Read one line."""
        text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        if self._is_heading(text):
            return DIRECTIVE
        if not self._names:
            return UNRECOGNISED
        values = _split(text, self._separator)
        if len(values) != len(self._names):
            # A single value is another program's message, or a line of another format.
            return COLUMNS if len(values) > 1 else UNRECOGNISED
        row = {name: value for name, value in zip(self._names, values, strict=True) if value != "-"}
        return self._named.record_of(row)

    def _is_heading(self, text: str) -> bool:
        if "=" in text or "/" in text:
            return False
        for separator in _SEPARATORS:
            names = _split(text, separator)
            folded = {fields.folded_name(name) for name in names}
            has_request = bool(folded & {*fields.METHODS} and folded & {*fields.TARGETS}) or bool(
                folded & {*fields.REQUESTS}
            )
            if len(names) > 2 and has_request and folded & {*fields.STATUSES}:
                self._names, self._separator = names, separator
                return True
        return False


def _split(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return []
