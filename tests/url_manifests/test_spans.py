"""Parts of a plain file: together they are the file, whatever its lines look like and whatever happens to it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.url_manifests.lines import combined
from url_manifests import spans as module
from url_manifests.build import BuildOptions, build
from url_manifests.errors import FileFormatError
from url_manifests.logs.detect import ReaderSpec
from url_manifests.logs.record import MAX_LINE_BYTES
from url_manifests.sources import Source, expand
from url_manifests.spans import opened, span_blocks, spans

COMBINED = ReaderSpec("combined")


@pytest.fixture
def short_spans(monkeypatch):
    monkeypatch.setattr(module, "_MIN_SPAN_BYTES", 50)
    monkeypatch.setattr(module, "_MAX_SPAN_BYTES", 5_000)
    monkeypatch.setattr(module, "_LOOK_BYTES", 16)
    monkeypatch.setattr(module, "BLOCK_BYTES", 64)


def in_parts(path) -> list[tuple[int, bytes]]:
    handle = opened(Source(str(path)))
    assert handle is not None
    with open(handle, "rb", buffering=0):
        return [found for span in spans(handle, 0, COMBINED, path.name) for found in span_blocks(handle, span)]


@pytest.mark.usefixtures("short_spans")
@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.integers(0, 300), max_size=60), end=st.sampled_from([b"\n", b"\r\n", b""]))
def test_together_the_parts_are_the_file(tmp_path_factory, lines, end):
    content = b"\n".join(bytes([97 + number % 26]) * length for number, length in enumerate(lines)) + end
    path = tmp_path_factory.mktemp("spans") / "access.log"
    path.write_bytes(content)
    blocks = in_parts(path)
    assert b"".join(block for _, block in blocks) == content
    assert all(block.endswith(b"\n") for _, block in blocks[:-1])
    positions = [position for position, _ in blocks]
    assert positions == sorted(set(positions))


@pytest.mark.usefixtures("short_spans")
def test_one_endless_line_is_one_part_and_is_cut(tmp_path):
    path = tmp_path / "access.log"
    path.write_bytes(b"short\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\nshort\n")
    first, endless, last = b"".join(block for _, block in in_parts(path)).splitlines()
    assert (first, last) == (b"short", b"short")
    assert MAX_LINE_BYTES < len(endless) < MAX_LINE_BYTES + 100


@pytest.mark.usefixtures("short_spans")
def test_a_file_that_is_rotated_away_is_still_read_and_one_that_is_cut_ends(tmp_path):
    path = tmp_path / "access.log"
    path.write_bytes(b"old line of the log\n" * 100)
    handle = opened(Source(str(path)))
    parts = list(spans(handle, 0, COMBINED, path.name))
    path.rename(tmp_path / "access.log.1")
    path.write_bytes(b"new line of the log\n" * 100)
    assert b"".join(block for _, block in span_blocks(handle, parts[0])).startswith(b"old")
    os.truncate(tmp_path / "access.log.1", 0)
    assert list(span_blocks(handle, parts[0])) == []
    os.close(handle)


@pytest.mark.parametrize("content", [b"\x1f\x8b rest", b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"])
def test_compressed_files_and_streams_have_no_parts(tmp_path, content):
    (tmp_path / "log").write_bytes(content)
    assert opened(Source(str(tmp_path / "log"))) is None
    os.mkfifo(tmp_path / "pipe")
    assert opened(Source(str(tmp_path / "pipe"))) is None
    assert opened(Source("-")) is None


def test_workers_give_the_same_manifest_as_one_process_and_as_a_stream(tmp_path, short_spans, monkeypatch):
    monkeypatch.setattr("url_manifests.workers._WORTH_STARTING_BYTES", 0)
    lines = [combined(f"/p/{number % 70}/?page={number % 3}") for number in range(3_000)]
    lines[7::400] = ["broken"] * len(lines[7::400])
    (tmp_path / "a.log").write_text("\n".join(lines[:2_000]))
    (tmp_path / "b.log").write_text("\n".join(lines[2_000:]) + "\n")
    sources = expand([str(tmp_path / "*.log")])
    for name, workers in (("one", 1), ("two", 2), ("three", 3)):
        result = build(sources, tmp_path / name, BuildOptions(workers=workers))
        assert [source.lines for source in result.sources] == [2_000, 1_000]
    monkeypatch.setattr("url_manifests.reading.opened", lambda source: None)
    build(sources, tmp_path / "blocks", BuildOptions(workers=2))
    assert len({(tmp_path / name).read_bytes() for name in ("one", "two", "three", "blocks")}) == 1


def test_a_file_that_a_worker_cannot_read_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("url_manifests.workers._WORTH_STARTING_BYTES", 0)
    # A handle without permission to read: what a worker gets from a failing disk is an OSError just like it.
    path = tmp_path / "access.log"
    path.write_text((combined("/a/") + "\n") * 3)
    monkeypatch.setattr("url_manifests.reading.opened", lambda source: os.open(path, os.O_WRONLY))
    monkeypatch.setattr(module, "_line_end", lambda handle, position, size: size)
    with pytest.raises(FileFormatError, match=r"access\.log: cannot be read: Bad file descriptor"):
        build([Source(str(path))], tmp_path / "m.jsonl", BuildOptions(workers=2))
    assert not (tmp_path / "m.jsonl").exists()
