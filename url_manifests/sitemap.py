"""Sitemaps: what to warm where there is no log yet. Index files, gzip, safely parsed; one hit an URL.

Sitemaps list pages that do not exist and leave out hot ones, so a log is always the better source. Those that an index
names are looked for beside it, under the last part of their URL: nothing is fetched.
"""

from __future__ import annotations

import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # no types of its own
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]  # no types of its own

from .errors import DamagedArchiveError, FileFormatError
from .logs.tabular import table_line
from .sources import Source, open_source

_ROOT: Final = re.compile(rb"<(?:urlset|sitemapindex)\b")
_ENDS: Final = ((b"<!--", b"-->"), (b"<?", b"?>"))
_DAMAGES: Final = (
    *(ParseError, DefusedXmlException, ValueError, LookupError),
    *(OSError, EOFError, zlib.error, lzma.LZMAError, DamagedArchiveError),
)
"""Of the XML and of its declared encoding; of the disk and of a compressed file, of which bz2 raises an OSError."""
_BATCH: Final = 5_000
_MAX_DEPTH: Final = 2


def is_sitemap(first_bytes: bytes) -> bool:
    """Whether a file begins as a sitemap or an index of sitemaps."""
    rest = first_bytes.lstrip().removeprefix(b"\xef\xbb\xbf").lstrip()
    # Piece by piece: one expression for all that may stand before the root takes for ever on some files.
    while rest.startswith((b"<!", b"<?")):
        rest = _after_piece(rest).lstrip()
    return _ROOT.match(rest) is not None


def _after_piece(text: bytes) -> bytes:
    """What follows a comment, a processing instruction or a document type; nothing when that does not end."""
    for start, end in _ENDS:
        if text.startswith(start):
            return text.partition(end)[2]
    head, _, rest = text.partition(b">")
    # A document type with declarations of its own ends after them.
    return text.partition(b"]")[2].partition(b">")[2] if b"[" in head else rest


def sitemap_blocks(source: Source) -> Iterator[bytes]:
    """The pages, in their order, as blocks of lines in the format ``table``.

    Raises:
        FileFormatError: the XML is malformed or tries to define entities; a sitemap of an index is missing.
    """
    lines: list[bytes] = []
    for url in _urls(source, 0):
        lines.append(table_line(url.encode("utf-8", "replace"), 1) + b"\n")
        if len(lines) >= _BATCH:
            yield b"".join(lines)
            lines.clear()
    if lines:
        yield b"".join(lines)


def _urls(source: Source, depth: int) -> Iterator[str]:
    try:
        with open_source(source) as stream:
            for _, element in iterparse(stream, events=("end",)):
                location = _location(element)
                if location and element.tag.endswith("sitemap"):
                    yield from _urls(_beside(source, location, depth), depth + 1)
                elif location:
                    yield location
                if element.tag.endswith(("url", "sitemap")):
                    element.clear()
    except _DAMAGES as error:
        raise FileFormatError(source.name, f"is not a sound sitemap: {error}") from error


def _location(element: Element) -> str:
    """The text of ``<loc>`` directly in this ``<url>`` or ``<sitemap>``."""
    if element.tag.rpartition("}")[2] not in ("url", "sitemap"):
        return ""
    found = next((child for child in element if child.tag.rpartition("}")[2] == "loc"), None)
    return (found.text or "").strip() if found is not None else ""


def _beside(index: Source, location: str, depth: int) -> Source:
    name = location.partition("?")[0].rstrip("/").rpartition("/")[2]
    path = Path(index.path).parent / name
    if depth >= _MAX_DEPTH or not name or not path.is_file():
        raise FileFormatError(index.name, f"names the sitemap {name!r}, which is not beside it; download it to there")
    return Source(str(path))
