"""Every server's line is told apart by itself and read with its units; so are lines behind several prefixes."""

from __future__ import annotations

import pytest

from tests.url_manifests.lines import CHROME, LINES, combined
from tests.url_manifests.logs.servers import SERVERS, TARGET
from url_manifests.cells import NOBODY
from url_manifests.logs import fields
from url_manifests.logs.clock import Clock
from url_manifests.logs.detect import LineReader, ReaderSpec, detect
from url_manifests.logs.record import DIRECTIVE, UNKNOWN_HOUR, LogRecord, Rejection

NOW_S = 1_764_547_200.0  # 2025-12-01
HOURS = {
    1_762_768_800 // 3600,
    1_761_991_200 // 3600,
}  # 2025-11-10 and, for the day of one digit, 2025-11-01, 10:00 UTC
HOST = b"https://shop.example"


def read(*lines: str, spec: ReaderSpec | None = None):
    raw = [line.encode() for line in lines]
    reader = LineReader(spec or detect("sample.log", raw, Clock(NOW_S)), Clock(NOW_S))
    return [reader.parse(line) for line in raw]


@pytest.mark.parametrize("name", SERVERS)
def test_a_servers_line(name):
    written = SERVERS[name]
    (record,) = read(written.line)
    assert isinstance(record, LogRecord)
    assert (record.method, record.status) == (b"GET", b"200")
    assert (
        record.target.removeprefix(HOST).removeprefix(b":443").removeprefix(b"http://shop.example") == TARGET.encode()
    )
    assert record.hour in HOURS if written.has_time else record.hour == UNKNOWN_HOUR
    assert (record.host.decode(), record.time_us) == (written.host, written.time_us)
    assert not written.has_agent or record.agent.replace(b"%20", b" ") == CHROME.encode()
    assert record.user in NOBODY


def test_a_layout_with_times_is_kept_when_a_few_lines_have_none():
    timed = [f"{combined('/x/')} rt=0.250"] * 9
    without = f"{combined('/x/')} rt=-"
    spec = detect("x", [line.encode() for line in [without, *timed]], Clock(NOW_S))
    assert spec.format_name == "combined-time"
    assert [record.time_us for record in read(without, *timed, spec=spec)] == [-1] + [250_000] * 9


def test_a_negative_duration_behind_the_agent_is_counted():
    spec = ReaderSpec("combined-time")
    assert read(f"{combined('/x/')} rt=-0.250", spec=spec) == [Rejection("negative-time")]


def test_csv_rows_are_read_under_their_heading():
    heading = "timestamp,method,path,query,status,host,duration_ms,user_agent"
    directive, first, broken = read(
        heading,
        f'"2025-11-10T10:00:00Z","GET","/en/p/42/","colour=red","200","shop.example","250","{CHROME}, or so"',
        '"2025-11-10T10:00:00Z","GET","/en/"',
    )
    assert directive is DIRECTIVE
    assert (first.target, first.host, first.time_us) == (TARGET.encode(), b"shop.example", 250_000)
    assert first.agent == CHROME.encode() + b", or so"
    assert broken == Rejection("columns")


def test_csv_of_semicolons_with_a_byte_order_mark():
    _, record = read("\ufeffTime;Request Method;Request URI;Status Code", "2025-11-10 10:00:00;GET;/x/;200")
    assert (record.target, record.hour in HOURS) == (b"/x/", True)


def test_w3c_values_in_quotes_may_hold_spaces():
    *_, record = read(
        "#Fields: date time cs-method cs-uri-stem cs-uri-query cs(Cookie) cs(User-Agent) sc-status time-taken",
        f'2025-11-10  10:00:00 GET /en/p/42/ colour=red "a=1; b=2" "{CHROME}" 200 250',
    )
    assert (record.target, record.agent, record.time_us) == (TARGET.encode(), CHROME.encode(), 250_000)


def test_lines_of_an_unknown_layout_do_not_hide_what_is_cut():
    whole, cut = combined("/x/"), combined("/x/")[20:]
    assert read(*[whole] * 5, cut)[-1] == Rejection("cut")


def test_a_heading_in_the_middle_of_another_formats_file_changes_nothing():
    reader = LineReader(ReaderSpec("combined"), Clock(NOW_S))
    assert reader.parse(b"#Fields: date time cs-method cs-uri-stem sc-status") == Rejection("unrecognised")
    assert reader.parse(b"2025-11-10 10:00:00 GET /x/ 200") == Rejection("unrecognised")


def test_prefixes_stand_before_one_another():
    for prefix in ("web-1  | 2025-11-10T10:00:00.123Z ", "\x1b[36mweb-1 |\x1b[0m Nov 10 10:00:00 web1 nginx[5]: "):
        (record,) = read(prefix + combined("/x/"))
        assert (record.target, record.host, record.client) == (b"/x/", b"", b"203.0.113.9")


def test_a_line_without_time_has_that_of_its_prefix():
    (record,) = read("2025-11-10T10:00:00.000000100Z stdout F " + LINES["uvicorn"])
    assert record.hour in HOURS


def test_a_name_stands_for_one_field():
    names = [name for group in fields._NAMES_OF.values() for name in group]
    assert sorted(names) == sorted(set(names))


def test_of_several_names_the_first_filled_one_counts():
    (record,) = read(
        '{"path": "/second/", "request_uri": "/first/", "uri": "", "method": "GET", "status": 200, "time": "", '
        '"ts": 1762768800}'
    )
    assert (record.target, record.hour in HOURS) == (b"/first/", True)
