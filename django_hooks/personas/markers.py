"""Texts that give a persona away, and where they stand in cached values.

A marker is the username, the e-mail address, the full name of two words or more, a live session key, and what the
setting's ``markers`` adds. Kept are those of `MIN_CHARS` or more that no other persona shares: "Ann" would be found
everywhere. Not used are primary keys (a number means nothing by itself) and CSRF tokens (masked anew each time).

Text is searched at word boundaries, whatever its case, plainly and as HTML, JSON and URLs write it; other values as
their pickle, in which strings stand as they are.
"""

from __future__ import annotations

import html
import json
import pickle
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from django.http import HttpResponse

MIN_CHARS: Final = 6
MAX_BODY_BYTES: Final = 1 << 25
"""What a compressed body is expanded to at most."""
_HARMLESS: Final = (bool, int, float, type(None))


class UnsearchableError(Exception):
    """A value cannot be looked into: it is compressed by a scheme of its own, or cannot be pickled."""


class Markers:
    """The markers of several roles, to be searched for at once."""

    def __init__(self, texts: Mapping[str, Iterable[str]]) -> None:
        self._roles = dict(_unique_spellings(texts))
        # The longest first, so that "persona-trade" is not found in another's "persona-trade-plus".
        spellings = sorted(self._roles, key=len, reverse=True)
        self._in_text = _pattern("|".join(map(re.escape, spellings)))
        # Before a string in a pickle stands its length, which may look like a letter; behind it, nothing of the kind.
        in_bytes = "|".join(map(re.escape, spellings)).encode()
        self._in_bytes = re.compile(b"(?:%b)(?![0-9A-Za-z_])" % in_bytes, re.IGNORECASE)
        self.known = frozenset(self._roles.values())
        """The roles that have a marker at all."""

    def found_in(self, value: Any) -> frozenset[str]:
        """The roles whose markers ``value`` holds.

        Raises:
            UnsearchableError: it cannot be looked into.
        """
        if not self._roles:
            return frozenset()
        return frozenset(role for piece in _pieces(value) for role in self._found(piece))

    def _found(self, piece: str | bytes) -> Iterator[str]:
        if isinstance(piece, str):
            matches = {match[0] for match in self._in_text.finditer(piece)}
        else:
            matches = {match[0].decode("utf-8", "replace") for match in self._in_bytes.finditer(piece)}
        for match in matches:
            if role := self._roles.get(match.casefold()):
                yield role


def usable(texts: Iterable[str]) -> list[str]:
    """Those that are long enough to mean something."""
    return [text for text in (text.strip() for text in texts) if len(text) >= MIN_CHARS]


def _pattern(alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)


def _unique_spellings(texts: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    by_role = {role: {text.casefold(): text for text in usable(own)} for role, own in texts.items()}
    owners = Counter(folded for own in by_role.values() for folded in own)
    for role, own in by_role.items():
        for folded, text in own.items():
            if owners[folded] == 1:
                yield from ((spelling.casefold(), role) for spelling in _spellings(text))


def _spellings(text: str) -> set[str]:
    return {text, html.escape(text), json.dumps(text)[1:-1], quote(text), quote_plus(text)}


def _pieces(value: Any) -> Iterator[str | bytes]:
    if isinstance(value, HttpResponse):
        yield from _pieces_of_response(value)
    elif isinstance(value, str | bytes):
        yield value
    elif not isinstance(value, _HARMLESS):
        try:
            yield pickle.dumps(value, protocol=4)
        except Exception as error:  # a value's own __reduce__ may raise anything; the caller counts it
            raise UnsearchableError(type(error).__name__) from error


def _pieces_of_response(response: HttpResponse) -> Iterator[str]:
    yield "\n".join(f"{name}: {value}" for name, value in response.items())
    yield response.cookies.output()
    body = response.content
    encoding = response.get("Content-Encoding", "").lower()
    if encoding in ("gzip", "x-gzip", "deflate"):
        try:
            body = zlib.decompressobj(wbits=47).decompress(body, MAX_BODY_BYTES)
        except zlib.error as error:
            raise UnsearchableError(encoding) from error
    elif encoding not in ("", "identity"):
        raise UnsearchableError(encoding)
    try:
        yield body.decode(response.charset or "utf-8", "replace")
    except LookupError:
        yield body.decode("utf-8", "replace")
