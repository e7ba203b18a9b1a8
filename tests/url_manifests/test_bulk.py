"""The bulk reader and the general parser must agree on every line, sound or broken."""

from __future__ import annotations

import time
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.url_manifests.lines import CHROME, combined
from url_manifests.counting import CountingOptions, LineCounter
from url_manifests.logs.detect import ReaderSpec

COMBINED = ReaderSpec("combined")
# A network that no line comes from: with one the general parser reads everything.
GENERAL = CountingOptions(excluded_networks=(ip_network("192.0.2.255/32"),))
NOW_S = 1_780_000_000.0

ODD_LINES = [
    b"",
    b"\r",
    b'"',
    b"\x00\x01\x02",
    combined("/a/").encode()[:90],
    combined("/a/").encode()[:-20],
    combined("/a/", agent='x\\"y').encode(),
    combined("/a\\x22b/").encode(),
    combined('/a"b/').encode(),
    combined("/a\tb/").encode(),
    combined("/a\x00b/").encode(),
    combined("/a/", agent="").encode(),
    combined("/a/", agent="two\rparts").encode(),
    combined("/a/", time="31/Feb/2025:10:00:00 +0000").encode(),
    combined("/a/", time="10/Nov/2999:10:00:00 +0000").encode(),
    combined("/a/", time="10/Nov/2025:10:00:60 +0100").encode(),
    combined("/a/", time="10/Nov/2025:10:00:0x +0000").encode(),
    combined("/a/", time="10-Nov-2025:10:00:00 +0000").encode(),
    combined("/a/", method="POST").encode(),
    combined("/a/?gclid=x1", method="POST").encode(),
    combined("/a/?gclid=x2").encode(),
    combined("/a/?b=1&utm_source=x&gclid=x3&c=%zz").encode(),
    combined("/a/?gclid=<x4>").encode(),
    combined("/a/?gclid=x5#part").encode(),
    combined("/a/#part?gclid=x6").encode(),
    combined("/logout/?gclid=x7").encode(),
    combined("/a/", method="get").encode(),
    combined("/a/", method="GET POST").encode(),
    combined("https://shop.example/a/").encode(),
    combined("*", method="OPTIONS").encode(),
    combined("/a/", status=404).encode(),
    combined("/a/").replace(" - - ", " - ann ").encode(),
    combined("/a/").replace(" - - ", " - ann smith ").encode(),
    combined("/a/").replace("HTTP/1.1", "HTTP/2").encode(),
    combined("/a/").replace(" HTTP/1.1", "").encode(),
    combined("/a/").replace("203.0.113.9", "").encode(),
    combined("/a/").replace("203.0.113.9", "a\tb").encode(),
    combined("/a/").encode() + b' "203.0.113.7"',
    combined("/a/").encode() + b"x",
    combined("/a/").encode() + b"\r\r",
    combined("/" + "a" * 9000).encode(),
    combined("/" + "a" * 70_000).encode(),
    b'203.0.113.9 - - [10/Nov/2025:10:00:00 +0000] "GET /cut/ HTTP/1.1" 200 5 "https://shop.example/',
    b'" "and the rest of it"',
    b'203.0.113.9 - - [10/Nov/2025:10:00:00 +0000] "\x16\x03\x01" 400 0 "-" "-"',
]
TARGETS = st.sampled_from(
    ["/", "/en/", "/p/1/?a=1&b=2", "/p/1/?b=2&a=1", "/s.css", "/logout/", "/?token=abc", "/%C3%A9/"]
)
SOUND = st.builds(
    lambda target, agent, status, zone: combined(
        target, agent, status=status, time=f"10/Nov/2025:10:00:00 {zone}"
    ).encode(),
    TARGETS,
    st.sampled_from([CHROME, "-", "", "curl/8.1", "Googlebot/2.1", "héron"]),
    st.sampled_from([200, 304, 404]),
    st.sampled_from(["+0000", "+0530"]),
)


def mutated(line: bytes, position: int, byte: int) -> bytes:
    place = position % (len(line) + 1)
    return line[:place] + bytes([byte]) + line[place + 1 :]


LINES = st.one_of(
    SOUND, st.sampled_from(ODD_LINES), st.builds(mutated, SOUND, st.integers(0, 400), st.integers(0, 255)), st.binary()
)


def counted(folder, block: bytes, options: CountingOptions) -> tuple[tuple[Any, ...], list[str], list[str], list[str]]:
    folder.mkdir()
    counter = LineCounter(options, folder, 0, NOW_S)
    counter.count(0, COMBINED, 0, block)
    counter.flush()
    pages, cells = (sorted((folder / f"{kind}-000-000000.csv").read_text().splitlines()) for kind in ("pages", "cells"))
    found = counter.totals
    totals = (found.lines, found.used, found.excluded, found.rejected, found.examples)
    return totals, sorted(set(pages)), cells, counter.variants


def both(tmp_path_factory, block: bytes) -> None:
    folder = tmp_path_factory.mktemp("counts")
    plain, general = (
        counted(folder / name, block, options) for name, options in (("bulk", CountingOptions()), ("general", GENERAL))
    )
    totals, pages, cells, variants = plain
    assert (totals, pages) == general[:2]
    assert totals[0] == totals[1] + sum(totals[2].values()) + sum(totals[3].values())
    assert _by_meaning(cells, variants) == _by_meaning(general[2], general[3])


def _by_meaning(cells: list[str], variants: list[str]) -> list[tuple[str, ...]]:
    """Cells with the variant's name for its number (which depends on who came first); equal ones added up."""
    found: dict[tuple[object, ...], int] = {}
    for row in cells:
        _, page, cell, lines, further = map(int, row.split("\t"))
        key = (page, cell & 2047, variants[cell >> 11 & 2047], cell >> 23)
        found[key] = found.get(key, 0) + lines
        assert further == 0
    return sorted((*map(str, key), str(lines)) for key, lines in found.items())


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(LINES, max_size=12), end=st.sampled_from([b"\n", b"\r\n", b""]))
def test_both_ways_of_reading_count_the_same(tmp_path_factory, lines, end):
    if block := (end or b"\n").join(lines) + end:
        both(tmp_path_factory, block)


@pytest.mark.parametrize("odd", ODD_LINES)
def test_an_odd_line_between_sound_ones(tmp_path_factory, odd):
    sound = combined("/en/").encode()
    both(tmp_path_factory, b"\n".join([sound, odd, sound, odd, odd, sound]))
    both(tmp_path_factory, odd + b"\n")


def test_all_odd_lines_together(tmp_path_factory):
    both(tmp_path_factory, b"\n".join(ODD_LINES))


def test_plain_lines_are_read_in_bulk(tmp_path):
    counter = LineCounter(CountingOptions(), tmp_path, 0, NOW_S)
    block = "".join(combined(f"/p/{number}/") + "\n" for number in range(20_000)).encode()
    started = time.process_time()
    counter.count(0, COMBINED, 0, block)
    assert counter.totals.lines == 20_000
    assert (time.process_time() - started) / 20_000 < 60e-6  # ten times what a busy machine needs


def test_cells_of_many_targets_fit_into_the_database_s_whole_numbers(tmp_path):
    counter = LineCounter(CountingOptions(), tmp_path, 0, NOW_S)
    # With 18 bits for its number a target's cell has more than the 63 bits of a signed column.
    counter.count(0, COMBINED, 0, "".join(combined(f"/{number}/") + "\n" for number in range(1 << 17)).encode())
    counter.count(0, COMBINED, 1, combined("/last/").encode())
    counter.flush()
    rows = (tmp_path / "cells-000-000000.csv").read_text().splitlines()
    assert max(int(row.split("\t")[2]) for row in rows) < 1 << 63
