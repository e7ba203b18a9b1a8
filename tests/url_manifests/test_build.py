from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import zipfile

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.url_manifests.lines import CHROME, IPHONE, LINES, W3C, combined
from url_manifests.build import BuildOptions, build
from url_manifests.counting import CountingOptions
from url_manifests.errors import ConfigurationError, FileFormatError, TooManyRejectsError, UnknownLogFormatError
from url_manifests.manifest import ManifestReader
from url_manifests.rules import read_rules
from url_manifests.selection import SelectionPolicy
from url_manifests.sitemap import sitemap_blocks
from url_manifests.sources import Source, expand


@pytest.fixture
def make(tmp_path):
    """Build from lines; the header's totals and the entries."""

    def make(*lines, name="access.log", **options):
        log = tmp_path / name
        log.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
        build(expand([str(log)]), tmp_path / "out" / "m.jsonl", BuildOptions(**options))
        reader = ManifestReader(tmp_path / "out" / "m.jsonl")
        return reader.header, list(reader)

    return make


def adds_up(totals):
    return totals["lines"] == totals["used"] + sum(totals["excluded"].values()) + sum(totals["rejected"].values())


def test_counts_ranks_and_adds_up(make):
    header, entries = make(
        *[combined("/b/")] * 3,
        *[combined("/a/")] * 5,
        combined("/a/", method="POST"),
        combined("/a/", status=404),
        combined("/style.css"),
        combined("/healthz"),
        combined("/logout/"),
        combined("/?token=x"),
        combined("/a/", agent="Googlebot/2.1 (+http://www.google.com/bot.html)"),
        combined("/a/", agent="kube-probe/1.30"),
        combined("/?_=1700000000000"),
        combined("/a/../b/"),
        b"broken \xff\xfe",
    )
    assert [(entry.url, entry.hits) for entry in entries] == [("/a/", 5), ("/b/", 3)]
    assert header.totals["excluded"] == {
        "health-check": 2, "bot": 1, "cache-buster": 1, "method": 1, "odd-target": 1, "secret:parameter-name": 1,
        "static": 1, "status": 1, "unsafe:logout": 1,
    }  # fmt: skip
    assert header.totals["rejected"] == {"unrecognised": 1}
    assert adds_up(header.totals)


def test_the_commonest_order_of_parameters_wins_and_the_others_are_counted(make):
    header, entries = make(combined("/?a=1&b=2"), *[combined("/?b=2&a=1")] * 2)
    assert [(entry.url, entry.hits) for entry in entries] == [("/?b=2&a=1", 2)]
    assert header.totals["excluded"] == {"query-order": 1}
    assert adds_up(header.totals)


def test_hosts_are_kept_apart(make):
    _, entries = make(*(f"{host}:443 {combined('/')}" for host in ("a.example", "b.example")))
    assert {entry.host for entry in entries} == {"a.example", "b.example"}


def test_variants_are_the_browsers_classes_of_headers(make):
    header, entries = make(*[combined("/")] * 300, *[combined("/", agent=IPHONE)] * 100)
    assert entries[0].variants == {"chrome": 0.75, "safari-26-mobile": 0.25}
    assert list(header.profiles) == ["chrome", "safari-26-mobile"]
    assert header.profiles["chrome"]["Accept-Encoding"] == "gzip, deflate, br, zstd"
    assert header.profiles["safari-26-mobile"]["Accept-Encoding"] == "gzip, deflate, br"


def test_variants_take_observed_headers_and_drop_rare_ones(make):
    line = json.loads(LINES["caddy-json"])
    rare = json.loads(LINES["caddy-json"])
    rare["request"]["headers"]["Accept-Encoding"] = ["identity"]
    header, entries = make(*[json.dumps(line)] * 200, json.dumps(rare))
    assert header.profiles["chrome"]["Accept-Encoding"] == "gzip, br"
    assert header.profiles["chrome"]["Accept-Language"] == "de-DE,de;q=0.9"
    assert list(entries[0].variants) == ["chrome"]


def test_signed_in_share_and_times(make):
    from url_manifests.logs.detect import forced_spec

    layout = '$remote_user [$time_local] "$request" $status $request_time'
    row = '{} [10/Nov/2025:10:00:00 +0000] "GET /x/ HTTP/1.1" 200 {}'
    _, entries = make(*[row.format("ann", 0.4)] * 2, *[row.format("-", 0.01)] * 8, forced=forced_spec("auto", layout))
    assert entries[0].signed_in == 0.2
    assert entries[0].cold_ms == pytest.approx(400, rel=0.1)
    assert entries[0].warm_ms == pytest.approx(10, rel=0.1)


def test_what_saves_more_time_goes_first(make):
    slow, fast = (combined(url) + f" {seconds}" for url, seconds in (("/slow/", "2.000"), ("/fast/", "0.002")))
    _, entries = make(*[fast] * 10, *[slow] * 3)
    assert [entry.url for entry in entries] == ["/slow/", "/fast/"]


@pytest.mark.parametrize(
    ("policy", "urls", "left_out"),
    [
        ({"max_urls": 2}, ["/p/1/", "/c/x/"], {}),
        ({"coverage": 0.5}, ["/p/1/"], {"coverage": 1}),
        ({"max_per_route": 1}, ["/p/1/", "/c/x/"], {"max-per-route": 2}),
        ({"min_hits": 2}, ["/p/1/", "/p/2/", "/p/3/"], {"min-hits": 1}),
        ({"max_time_s": 0.5}, ["/p/1/", "/p/2/"], {"max-time": 2}),
    ],
)
def test_limits(make, policy, urls, left_out):
    lines = [*[combined("/p/1/")] * 9, *[combined("/p/2/")] * 3, *[combined("/p/3/")] * 2, combined("/c/x/")]
    header, entries = make(*lines, selection=SelectionPolicy(**policy))
    assert [entry.url for entry in entries][: len(urls)] == urls
    if "max_urls" not in policy:
        assert [entry.url for entry in entries] == urls
        assert header.totals["left_out"] == left_out


def test_too_many_rejects_leave_the_old_manifest(make, tmp_path):
    make(combined("/a/"))
    old = (tmp_path / "out" / "m.jsonl").read_bytes()
    with pytest.raises(TooManyRejectsError, match="3 of 4 lines"):
        make(combined("/b/"), *["nonsense"] * 3, max_rejects=0.5)
    assert (tmp_path / "out" / "m.jsonl").read_bytes() == old


def compressors():
    return {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.compress}


def test_compression_globs_and_several_formats_in_one_build(tmp_path):
    for ending, compress in compressors().items():
        (tmp_path / f"a.log.{ending}").write_bytes(compress(combined("/a/").encode() + b"\n"))
    (tmp_path / "b.log.json").write_text(LINES["caddy-json"] + "\n")
    (tmp_path / "c.log.w3c").write_text("\r\n".join(W3C) + "\r\n")
    (tmp_path / "d.log.empty").write_text("")
    build(expand([str(tmp_path / "*.log.*")]), tmp_path / "m.jsonl", BuildOptions())
    reader = ManifestReader(tmp_path / "m.jsonl")
    assert [source["format"] for source in reader.header.sources] == ["combined"] * 5 + ["json", "w3c", "combined"]
    assert {entry.host + entry.url: entry.hits for entry in reader} == {
        "/a/": 5, "shop.example/en/p/42/?colour=red": 1, "/en/p/42/?colour=red": 1, "/en/": 1,
    }  # fmt: skip


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_a_damaged_archive_is_read_as_far_as_it_goes(tmp_path, ending):
    text = "".join(combined(f"/{number}/") + "\n" for number in range(5000)).encode()
    packed = compressors()[ending](text)
    (tmp_path / "a.log").write_bytes(packed[: len(packed) * 2 // 3])
    build(expand([str(tmp_path / "a.log")]), tmp_path / "m.jsonl", BuildOptions(max_rejects=1.0))
    totals = ManifestReader(tmp_path / "m.jsonl").header.totals
    assert adds_up(totals)
    assert totals["rejected"]["damaged-archive"] == 1


def test_zstd_and_gzip_archives_may_have_several_members(tmp_path):
    packs = [compressors()[ending] for ending in ("gz", "zst", "bz2", "xz")]
    text = (combined("/a/") + "\n").encode()
    for number, pack in enumerate(packs):
        (tmp_path / f"{number}.log").write_bytes(pack(text) + pack(text))
    build(expand([str(tmp_path / "*.log")]), tmp_path / "m.jsonl", BuildOptions())
    assert [entry.hits for entry in ManifestReader(tmp_path / "m.jsonl")] == [8]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf_16_is_named_with_the_way_out(tmp_path, encoding):
    (tmp_path / "a.log").write_text(f"{combined('/a/')}\n" * 3, encoding=encoding)
    with pytest.raises(FileFormatError, match="is UTF-16; convert it with: iconv"):
        build(expand([str(tmp_path / "a.log")]), tmp_path / "m.jsonl", BuildOptions())


def test_a_zip_archive_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.log", combined("/a/"))
    with pytest.raises(FileFormatError, match="is a zip archive"):
        build(expand([str(tmp_path / "a.zip")]), tmp_path / "m.jsonl", BuildOptions())


def test_noise_is_no_format(tmp_path):
    noise = random.Random(3).randbytes(200_000)
    (tmp_path / "a.log").write_bytes(b"# looks like a directive\n" + noise)
    with pytest.raises(UnknownLogFormatError):
        build(expand([str(tmp_path / "a.log")]), tmp_path / "m.jsonl", BuildOptions())


@pytest.mark.parametrize("name", ["combined", "caddy-json", "nginx-json"])
def test_a_byte_order_mark_is_read_over(tmp_path, name):
    (tmp_path / "a.log").write_text("\ufeff" + f"{LINES[name]}\n" * 2, encoding="utf-8")
    build(expand([str(tmp_path / "a.log")]), tmp_path / "m.jsonl", BuildOptions())
    assert [entry.hits for entry in ManifestReader(tmp_path / "m.jsonl")] == [2]


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ConfigurationError, match="no file matches"):
        expand([str(tmp_path / "none*.log")])
    with pytest.raises(ConfigurationError, match="is a folder"):
        expand([str(tmp_path)])


def test_the_result_depends_neither_on_workers_nor_on_time(tmp_path):
    source = random.Random(5)
    lines = [combined(f"/p/{int(400 * source.random() ** 3)}/?b=1&a={number % 3}", [CHROME, IPHONE][number % 2],
                      time=f"{1 + number // 4000:02}/Nov/2025:{number % 24:02}:00:00 +0000")
             for number in range(40_000)]  # fmt: skip
    lines[::97] = [f"broken {number}" for number in range(len(lines[::97]))]
    log = tmp_path / "a.log"
    log.write_text("\n".join(lines))
    written = []
    for workers in (1, 2):
        build(expand([str(log)] * 1), tmp_path / "m.jsonl", BuildOptions(workers=workers))
        written.append((tmp_path / "m.jsonl").read_bytes())
    from url_manifests import workers as module

    module_limit, module._WORTH_STARTING_BYTES = module._WORTH_STARTING_BYTES, 0
    try:
        build(expand([str(log)]), tmp_path / "m.jsonl", BuildOptions(workers=2))
    finally:
        module._WORTH_STARTING_BYTES = module_limit
    assert written[0] == written[1] == (tmp_path / "m.jsonl").read_bytes()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=80), st.sampled_from([line.encode() for line in LINES.values()])), max_size=8)
)
def test_whatever_the_bytes_the_counts_add_up(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("random")
    (folder / "a.log").write_bytes(combined("/").encode() + b"\n" + b"\n".join(lines))
    build(expand([str(folder / "a.log")]), folder / "m.jsonl", BuildOptions(max_rejects=1.0))
    assert adds_up(ManifestReader(folder / "m.jsonl").header.totals)


def test_counted_tables(tmp_path):
    import duckdb

    rows = (
        "(VALUES ('/a/', 5, 'shop.example'), ('/logout', 9, ''), ('https://shop.example/b/', 2, '')) t(url, hits, host)"
    )
    for ending, how in (("csv", "HEADER"), ("jsonl", "FORMAT json"), ("parquet", "FORMAT parquet")):
        path = tmp_path / f"t.{ending}"
        duckdb.sql(f"COPY (SELECT * FROM {rows}) TO '{path}' ({how})")
        build(expand([str(path)]), tmp_path / "m.jsonl", BuildOptions())
        entries = [(entry.host, entry.url, entry.hits) for entry in ManifestReader(tmp_path / "m.jsonl")]
        assert entries == [("shop.example", "/a/", 5), ("shop.example", "/b/", 2)]


SITEMAP = '<?xml version="1.0"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>'


def test_sitemaps_with_an_index_and_gzip(tmp_path):
    index = SITEMAP.replace("urlset", "sitemapindex")
    (tmp_path / "index.xml").write_text(
        index.format("<sitemap><loc>https://shop.example/s/part.xml.gz</loc></sitemap>")
    )
    (tmp_path / "part.xml.gz").write_bytes(
        gzip.compress(SITEMAP.format("<url><loc>https://shop.example/x/?a=1&amp;b=2</loc></url>").encode())
    )
    build(expand([str(tmp_path / "index.xml")]), tmp_path / "m.jsonl", BuildOptions())
    assert [(entry.host, entry.url) for entry in ManifestReader(tmp_path / "m.jsonl")] == [
        ("shop.example", "/x/?a=1&b=2")
    ]


@pytest.mark.parametrize(
    "text",
    [
        SITEMAP.format("<url><loc>https://shop.example/"),
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><urlset><url><loc>&a;</loc></url></urlset>',
        SITEMAP.replace("urlset", "sitemapindex").format("<sitemap><loc>https://shop.example/none.xml</loc></sitemap>"),
    ],
)
def test_bad_sitemaps_are_refused(tmp_path, text):
    (tmp_path / "s.xml").write_text(text)
    with pytest.raises(FileFormatError, match=r"s\.xml"):
        build(expand([str(tmp_path / "s.xml")]), tmp_path / "m.jsonl", BuildOptions())


@pytest.mark.parametrize(
    "data",
    [
        b"BZh" + SITEMAP.encode(),
        gzip.compress(SITEMAP.encode())[:-30],
        lzma.compress(SITEMAP.encode())[:-30],
        bz2.compress(SITEMAP.encode())[:-30],
        zstandard.compress(SITEMAP.encode())[:-30],
    ],
    ids=["no-bzip2", "gzip", "xz", "bzip2", "zstd"],
)
def test_damaged_sitemaps_are_refused(tmp_path, data):
    (tmp_path / "s.xml").write_bytes(data)
    with pytest.raises(FileFormatError, match=r"s\.xml"):
        list(sitemap_blocks(Source(str(tmp_path / "s.xml"))))


RULES = """
[tracking]
add = ["ref"]
[[unsafe]]
name = "wish"
url = "^/wish/"
[[secret]]
name = "voucher"
parameter = "voucher"
[allow]
urls = ["^/guides/delete/$"]
[exclude]
urls = ["^/internal/"]
static = [".webp2"]
[[parameters]]
route = "/search/*"
keep = ["q"]
"""


def test_own_rules(make, tmp_path):
    (tmp_path / "rules.toml").write_text(RULES)
    counting = CountingOptions(rules=read_rules(tmp_path / "rules.toml"))
    targets = [
        "/a/?ref=x",
        "/wish/1/",
        "/a/?voucher=x",
        "/guides/delete/",
        "/internal/x",
        "/i.webp2",
        "/search/?x=1&q=2",
    ]
    header, entries = make(*map(combined, targets), counting=counting)
    assert {entry.url for entry in entries} == {"/a/", "/guides/delete/", "/search/?q=2"}
    assert header.totals["excluded"] == {"path": 1, "secret:voucher": 1, "static": 1, "unsafe:wish": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[trakking]", "field 'trakking': is unknown"),
        ("[[unsafe]]\nname='x'\nurl='('", r"field 'unsafe\[0\].url': is no regular expression"),
        ("[tracking]\nadd = 5", "field 'tracking.add': must be a list"),
        ("x =", "is not TOML"),
    ],
)
def test_bad_rules_name_the_field(tmp_path, text, problem):
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(FileFormatError, match=problem):
        read_rules(tmp_path / "rules.toml")
