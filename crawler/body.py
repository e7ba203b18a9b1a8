"""The text of an answer's beginning, whatever it is compressed with, in bounded memory. Pure.

Visitors' ``Accept-Encoding`` is sent byte for byte, so pages may come in any of them. Each decoder is told how much it
may give: a bomb costs no more than a page. What follows is left out; a parser of HTML does not mind.
"""

from __future__ import annotations

import codecs
import re
import sys
import zlib
from collections.abc import Callable
from typing import Final

import brotli  # type: ignore[import-untyped]  # comes with Scrapy, as zstd does; it ships no types

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_ENCODED_BYTES: Final = 512 * 1024
MAX_DECODED_BYTES: Final = 1024 * 1024
"""Larger pages are looked at as far as this."""

_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_NO_PAGE_IS_IN: Final = frozenset({"unicode-escape", "unicode_escape", "raw-unicode-escape", "raw_unicode_escape"})
"""Python's own notations, which would turn a page into another."""
_HTML: Final = re.compile(r"\s*(?:text/html|application/xhtml\+xml)\s*(?:;|$)", re.IGNORECASE)


def is_html(content_type: str) -> bool:
    """Whether a ``Content-Type`` is a page's."""
    return _HTML.match(content_type) is not None


def decoded(body: bytes, content_encoding: str, max_bytes: int = MAX_DECODED_BYTES) -> bytes | None:
    """The beginning of a body, decompressed; ``None`` when it is not what it says, or is compressed more than once."""
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return body[:max_bytes]
    if (decode := _DECODERS.get(encoding)) is None:
        return None
    try:
        return decode(body, max_bytes)
    except (zlib.error, zstd.ZstdError, brotli.error, EOFError):
        return None


def text_of(body: bytes, content_encoding: str, content_type: str) -> str | None:
    """The text of a page's beginning; ``None`` for what cannot be read."""
    raw = decoded(body, content_encoding)
    if raw is None:
        return None
    found = _CHARSET.search(content_type) or _CHARSET.search(raw[:1024].decode("latin-1"))
    try:
        return raw.decode(_known(found[1]) if found else "utf-8", "replace")
    except (LookupError, ValueError):
        # Python's codecs hold more than texts (zlib, base64), and some give up whatever they are told about errors.
        return raw.decode("utf-8", "replace")


def _known(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        return "utf-8"
    return "utf-8" if name in _NO_PAGE_IS_IN else name


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(body, max_bytes)


def _inflate(body: bytes, max_bytes: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, max_bytes)
    except zlib.error:
        # Some servers leave out the two bytes of zlib's head.
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(body, max_bytes)


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    return bytes(brotli.Decompressor().process(body, output_buffer_limit=max_bytes))[:max_bytes]


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    return bytes(zstd.ZstdDecompressor().decompress(body, max_length=max_bytes))


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
