"""The manifest: which requests are worth warming, most valuable first. JSON Lines, a header and one line an entry.

::

    {"format": "url-manifest", "version": 1, "entries": 2, "window": {…}, "totals": {…}, "profiles": {…}, …}
    {"url": "/en/", "hits": 812, "variants": {"chrome": 0.71, "safari": 0.29}}
    {"url": "/en/p/42/?colour=red", "host": "shop.example", "hits": 97, "cold_ms": 310.0, "warm_ms": 4.0}

Fields at their default are left out and names keep their order, so that a manifest in version control gives a readable
diff. Reading is streamed: an entry at a time, whatever the length of the file. Unknown fields of a header or an entry
are an error: a typo in a hand-edited file must not pass for a default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from .entry import Entry, Header
from .errors import EmptyManifestError, FileFormatError
from .headers import is_sendable
from .jsonl import FieldReader, open_lines, read_header, write_lines

__all__ = ["DEFAULT_PROFILE", "Entry", "Header", "ManifestReader", "entry_document", "write_manifest"]

FORMAT: Final = "url-manifest"
VERSION: Final = 1

_HOST: Final = re.compile(r"(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?", re.ASCII)
DEFAULT_PROFILE: Final = "default"
"""The name that an entry without variants refers to: the first of the header's profiles."""


def write_manifest(path: str | PathLike[str], header: Header, entries: Iterable[Entry]) -> None:
    """Write a manifest through a temporary file beside ``path`` that replaces it only when complete.

    ``header.entries`` must be the number of entries. The same arguments give the same bytes.

    Raises:
        EmptyManifestError: there are no entries, and ``path`` is a manifest that has some. An emptied log would make
            the next deploy warm nothing, and nobody would notice.
    """
    if not header.entries and (lost := _entries_in(path)):
        raise EmptyManifestError(
            f"no page was found worth warming, and {path} has {lost}; it was left as it is. "
            "Look at the log; if the site has no pages any more, delete the file"
        )
    write_lines(path, _header_document(header), map(entry_document, entries))


def _entries_in(path: str | PathLike[str]) -> int:
    if not Path(path).is_file():
        return 0
    try:
        return ManifestReader(path).header.entries
    except FileFormatError:
        return 0  # It is no manifest: nothing is lost.


def _header_document(header: Header) -> dict[str, Any]:
    window = {
        "start": header.window_start.isoformat() if header.window_start else None,
        "end": header.window_end.isoformat() if header.window_end else None,
    }
    return {
        "format": FORMAT,
        "version": VERSION,
        "entries": header.entries,
        "window": window,
        "totals": dict(header.totals),
        "profiles": {name: dict(headers) for name, headers in header.profiles.items()},
        "sources": [dict(source) for source in header.sources],
    }


def entry_document(entry: Entry) -> dict[str, Any]:
    """An entry as it is written: fields at their default left out."""
    document: dict[str, Any] = {"url": entry.url}
    if entry.host:
        document["host"] = entry.host
    document["hits"] = entry.hits
    for name in ("predicted_hits", "cold_ms", "warm_ms"):
        if (value := getattr(entry, name)) is not None:
            document[name] = value
    if entry.route:
        document["route"] = entry.route
    if entry.variants:
        document["variants"] = dict(entry.variants)
    if entry.signed_in:
        document["signed_in"] = entry.signed_in
    return document


class ManifestReader:
    """A manifest open for reading; iterate it for its entries, in order.

    The header is read and checked at once, the entries one by one as they are asked for.

    Raises:
        FileFormatError: the file is missing, cut, or malformed; with line and field.
        UnsupportedVersionError: a newer release wrote it.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = path
        with open_lines(path) as lines:
            self.header = _read_manifest_header(path, lines)

    def __iter__(self) -> Iterator[Entry]:
        """Each entry; a second iteration reads the file again."""
        count = 0
        with open_lines(self.path) as lines:
            next(lines)
            for number, raw in enumerate(lines, start=2):
                reader = FieldReader(self.path, number, raw)
                yield _read_entry(reader, self.header.profiles)
                count += 1
        if count != self.header.entries:
            raise FileFormatError(
                self.path,
                f"the header promises {self.header.entries} entries, the file has {count}; was it cut, or edited?",
                line=1,
                field="entries",
            )


def _read_manifest_header(path: str | PathLike[str], lines: Iterator[bytes]) -> Header:
    reader = read_header(path, lines, FORMAT, VERSION)
    window = reader.child("window")
    start, end = window.timestamp("start"), window.timestamp("end")
    window.finish()
    header = Header(
        entries=reader.integer("entries", minimum=0),
        window_start=start,
        window_end=end,
        totals=reader.mapping("totals", default={}),
        profiles=_read_profiles(reader),
        sources=tuple(reader.array("sources", default=[])),
    )
    reader.finish()
    return header


def _read_profiles(reader: FieldReader) -> dict[str, dict[str, str]]:
    profiles = reader.mapping("profiles", default={})
    for name, headers in profiles.items():
        if not isinstance(headers, dict):
            raise reader.error(f"profiles.{name}", "must be an object of request headers")
        for header, value in headers.items():
            if not is_sendable(header):
                raise reader.error(f"profiles.{name}.{header}", "is no header that a manifest may choose")
            if not isinstance(value, str) or not value.isprintable():
                raise reader.error(f"profiles.{name}.{header}", "must be printable text")
    return profiles


def _read_entry(reader: FieldReader, profiles: Mapping[str, Any]) -> Entry:
    entry = Entry(
        url=_read_url(reader),
        host=_read_host(reader),
        hits=reader.integer("hits", minimum=0),
        predicted_hits=reader.number("predicted_hits", minimum=0, default=None),
        cold_ms=reader.number("cold_ms", minimum=0, default=None),
        warm_ms=reader.number("warm_ms", minimum=0, default=None),
        route=reader.text("route", default=""),
        variants=_read_variants(reader, profiles),
        signed_in=reader.number("signed_in", minimum=0, maximum=1, default=0.0) or 0.0,
    )
    reader.finish()
    return entry


def _read_url(reader: FieldReader) -> str:
    url = reader.text("url")
    if not url.startswith("/") or url.startswith("//"):
        raise reader.error("url", f"must be a path that starts with one slash, is {url[:60]!r}")
    if not url.isascii() or not url.isprintable() or " " in url or "#" in url or "\\" in url:
        raise reader.error("url", "must be percent-encoded ASCII without spaces, backslashes or a fragment")
    return url


def _read_host(reader: FieldReader) -> str:
    host = reader.text("host", default="")
    if host:
        try:
            parts = urlsplit(f"//{host}")
            bad = parts.netloc != host or parts.username is not None or not parts.hostname or (parts.port == 0)
        except ValueError:
            bad = True
        if bad or not _HOST.fullmatch(host):
            raise reader.error("host", f"must be a lower-case host name with an optional port, is {host[:60]!r}")
    return host


def _read_variants(reader: FieldReader, profiles: Mapping[str, Any]) -> dict[str, float]:
    variants = reader.mapping("variants", default={})
    for name, share in variants.items():
        if name not in profiles:
            raise reader.error(f"variants.{name}", "names no profile of the header")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise reader.error(f"variants.{name}", f"must be a share above 0 and up to 1, is {json.dumps(share)[:40]}")
    if sum(variants.values()) > 1.001:
        raise reader.error("variants", f"the shares add up to {sum(variants.values()):.3f}, more than 1")
    return variants
