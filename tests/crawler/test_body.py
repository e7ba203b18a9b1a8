"""Bodies as they come over the wire."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from functools import partial

import brotli
import pytest
from scrapy.utils._compression import zstd

from crawler.body import MAX_DECODED_BYTES, MAX_ENCODED_BYTES, decoded, is_html, text_of

ENCODE = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=1),
    "zstd": zstd.compress,
}
PAGE = b"<p>linen</p>" * 2000


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize("name", ENCODE)
def test_every_encoding_of_the_profiles(name: str) -> None:
    body = ENCODE[name](PAGE)
    assert decoded(body, name) == PAGE
    assert decoded(body, f" {name.upper()} ") == PAGE
    beginning = decoded(body[: len(body) - 8], name)
    assert beginning is not None
    assert PAGE.startswith(beginning)
    assert decoded(b"garbage, really", name) in (None, b"")


def test_deflate_without_its_head_and_no_encoding_at_all() -> None:
    assert decoded(raw_deflate(PAGE), "deflate") == PAGE
    assert decoded(PAGE, "") == decoded(PAGE, "identity") == PAGE
    assert decoded(PAGE, "gzip, br") is None
    assert decoded(PAGE, "compress") is None


@pytest.mark.parametrize("name", ENCODE)
def test_a_bomb_gives_no_more_than_a_page(name: str) -> None:
    bomb = ENCODE[name](bytes(100_000_000))[:MAX_ENCODED_BYTES]
    tracemalloc.start()
    try:
        assert len(decoded(bomb, name) or b"") == MAX_DECODED_BYTES
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_DECODED_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("ü".encode(), "text/html; charset=utf-8", "ü"),
        ("ü".encode("latin-1"), "text/html; charset=ISO-8859-1", "ü"),
        ('<meta charset="windows-1251">ю'.encode("cp1251"), "text/html", '<meta charset="windows-1251">ю'),
        (b"\xff\xfe", "text/html; charset=nonsense", "��"),
    ],
)
def test_charsets(body: bytes, content_type: str, text: str) -> None:
    assert text_of(body, "", content_type) == text


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/html", True),
        ("Text/HTML; charset=x", True),
        ("application/xhtml+xml", True),
        ("text/html5", False),
        ("", False),
    ],
)
def test_what_is_a_page(content_type: str, expected: bool) -> None:
    assert is_html(content_type) is expected
