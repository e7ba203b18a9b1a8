from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.url_manifests.lines import CHROME, CLOUDFRONT, CUSTOM, LINES, PREFIXES, W3C, combined
from url_manifests.errors import ConfigurationError, UnknownLogFormatError, UnknownNameError
from url_manifests.logs.clock import Clock
from url_manifests.logs.detect import FORMAT_NAMES, LineReader, ReaderSpec, detect, forced_spec
from url_manifests.logs.record import REJECTION_REASONS, Aside, LogRecord, Rejection

NOW_S = 1_764_547_200.0  # 2025-12-01
HOUR = 1_762_768_800 // 3600  # 2025-11-10 10:00 UTC


def parse(line: str | bytes, spec: ReaderSpec | None = None):
    raw = line.encode() if isinstance(line, str) else line
    spec = spec or detect("sample.log", [raw], Clock(NOW_S))
    return LineReader(spec, Clock(NOW_S)).parse(raw)


@pytest.mark.parametrize("name", LINES)
def test_every_format_is_detected_and_read(name):
    record = parse(LINES[name])
    assert isinstance(record, LogRecord)
    assert (record.method, record.status) == (b"GET", b"200")
    assert record.target.removeprefix(b"https://shop.example:443") == b"/en/p/42/?colour=red"
    assert record.hour == (-1 if name == "uvicorn" else HOUR)
    if b"203.0.113.9" in LINES[name].encode() and name != "envoy-json":
        assert record.client == b"203.0.113.9"


@pytest.mark.parametrize("name", [name for name in LINES if "json" not in name])
def test_the_detected_format_is_the_one_it_is(name):
    assert detect("x", [LINES[name].encode()], Clock(NOW_S)).format_name == name


@pytest.mark.parametrize("name", [name for name, line in LINES.items() if "250" in line])
def test_durations_come_in_their_own_units(name):
    assert parse(LINES[name]).time_us == 250_000


@pytest.mark.parametrize("layout", CUSTOM)
def test_a_layout_from_the_servers_configuration(layout):
    record = parse(CUSTOM[layout], forced_spec("auto", layout))
    assert isinstance(record, LogRecord)
    assert (record.method, record.target, record.status) == (b"GET", b"/en/p/42/?colour=red", b"200")
    assert (record.hour, record.time_us, record.host) == (HOUR, 250_000, b"shop.example")


def test_a_layout_tells_accept_encoding_and_user():
    first, second, *_ = CUSTOM
    assert parse(CUSTOM[first], forced_spec("auto", first)).accept_encoding == b"gzip, br"
    assert parse(CUSTOM[second], forced_spec("auto", second)).user == b"ann"


def test_a_layout_without_a_request_is_refused():
    with pytest.raises(ConfigurationError, match="needs the request"):
        forced_spec("auto", "$remote_addr $status")


def test_an_unknown_format_name_is_refused_with_a_hint():
    with pytest.raises(UnknownNameError, match="did you mean 'combined'"):
        forced_spec("combind", "")
    assert forced_spec("caddy-json", "") == forced_spec("nginx-json", "") == ReaderSpec("json")
    assert all(forced_spec(name, "") for name in FORMAT_NAMES)


def read_all(lines):
    raw = [line.encode() for line in lines]
    reader = LineReader(detect("w3c.log", raw, Clock(NOW_S)), Clock(NOW_S))
    return [reader.parse(line) for line in raw]


def test_w3c_fields_may_change_in_the_middle():
    directive, fields, first, _, second = read_all(W3C)
    assert (directive, fields) == (Aside("directive"), Aside("directive"))
    assert (first.target, first.agent, first.time_us) == (b"/en/p/42/?colour=red", CHROME.encode(), 250_000)
    assert (second.target, second.status) == (b"/en/", b"200")


def test_w3c_lines_that_do_not_fit_the_heading():
    *_, last = read_all([*W3C, "2025-11-10 10:00:01 200 GET"])
    assert last == Rejection("columns")
    assert parse("2025-11-10 10:00:01 200 GET", ReaderSpec("w3c")) == Rejection("no-fields-line")


def test_cloudfront_undoes_its_own_encoding_once():
    *_, record = read_all(CLOUDFRONT)
    assert record.target == b"/en/p%20x/?colour=red"
    assert (record.host, record.agent, record.time_us) == (b"shop.example", CHROME.encode(), 250_000)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", ["combined", "caddy-json"])
def test_prefixes_are_taken_off(prefix, name):
    record = parse(prefix + LINES[name])
    assert isinstance(record, LogRecord)
    assert record.target == b"/en/p/42/?colour=red"


def test_dockers_json_file_is_unwrapped():
    wrapped = json.dumps({"log": combined("/x/") + "\n", "stream": "stdout", "time": "2025-11-10T10:00:00Z"})
    assert parse(wrapped).target == b"/x/"


def test_gunicorn_on_a_socket_has_no_client():
    assert parse(combined("/x/").removeprefix("203.0.113.9")).target == b"/x/"


def test_a_file_may_change_its_format():
    reader = LineReader(ReaderSpec("combined"), Clock(NOW_S))
    assert [reader.parse(line.encode()).status for line in LINES.values()] == [b"200"] * len(LINES)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (combined("/x/")[:60], Rejection("cut")),
        (combined("/x/")[90:], Rejection("cut")),
        (combined("/x/", agent="a\0b").replace("GET", "\0"), Rejection("binary")),
        (combined("/x/", time="10/Nov/2036:10:00:00 +0000"), Rejection("future-time")),
        (combined("/x/", time="99/Nov/2025:10:00:00 +0000"), Rejection("bad-time")),
        (combined("/x/", time="10/Xxx/2025:10:00:00 +0000"), Rejection("bad-time")),
        (combined("/" + "x" * 70_000), Rejection("too-long")),
        (combined("/x/").replace("GET /x/ HTTP/1.1", "\\x16\\x03\\x01"), Aside("not-http")),
        (combined("/x/").replace("GET /x/ HTTP/1.1", "-"), Aside("not-http")),
        ("[2025-11-10 10:00:00 +0000] [7] [INFO] Listening at: http://127.0.0.1:8000 (7)", Aside("other-message")),
        ("Traceback (most recent call last):", Aside("other-message")),
        ("", Aside("empty-line")),
        ("neither fish nor fowl", Rejection("unrecognised")),
    ],
)
def test_what_is_no_request_gets_a_reason(line, expected):
    assert parse(line, ReaderSpec("combined")) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"request_method":"GET","request_uri":"/"', Rejection("bad-json")),
        ("[" * 100_000, Rejection("too-long")),
        ('{"a":' * 8_000, Rejection("bad-json")),
        ('{"msg":"started"}', Aside("other-message")),
        ('{"request_method":"GET","request_uri":"/"}', Rejection("missing-field")),
        ('{"request_method":"GET","request_uri":"/","status":200,"request_time":-1}', Rejection("negative-time")),
        ('{"request_method":"GET","request_uri":"/","status":200,"time":"yesterday"}', Rejection("bad-time")),
    ],
)
def test_json_that_is_no_request_gets_a_reason(line, expected):
    assert parse(line, ReaderSpec("json")) == expected


def test_escapes_of_the_log_are_undone():
    assert parse(combined(r"/caf\xC3\xA9/?q=\x22a\x22")).target == b'/caf\xc3\xa9/?q="a"'


def test_quotes_in_a_user_agent():
    assert parse(combined("/x/", agent=r"a \"quoted\" agent")).agent == rb"a \"quoted\" agent"


def test_an_unknown_format_shows_lines_without_their_secrets():
    with pytest.raises(UnknownLogFormatError) as caught:
        detect("odd.log", [b"who token=abcdef1234 ann@shop.example 203.0.113.9"], Clock(NOW_S))
    message = str(caught.value)
    assert all(part in message for part in ("odd.log", "--log-format", "combined"))
    assert not any(secret in message for secret in ("abcdef1234", "ann@", "113.9"))


@given(st.binary(max_size=300), st.sampled_from([*FORMAT_NAMES]), st.booleans())
def test_random_bytes_never_raise(line, name, prefixed):
    parsed = LineReader(ReaderSpec(name, prefixed), Clock(NOW_S)).parse(line)
    assert isinstance(parsed, LogRecord | Aside) or parsed.reason in REJECTION_REASONS


@given(st.sampled_from([*LINES.values()]), st.integers(0, 400), st.binary(max_size=4), st.integers(0, 400))
def test_damaged_lines_never_raise(line, start, insert, end):
    raw = line.encode()
    damaged = raw[:start] + insert + raw[end:]
    parsed = LineReader(ReaderSpec("combined"), Clock(NOW_S)).parse(damaged)
    assert isinstance(parsed, LogRecord | Aside) or parsed.reason in REJECTION_REASONS


@pytest.mark.parametrize(
    ("raw", "hour"),
    [
        (b"10/Nov/2025:10:00:00 +0000", HOUR),
        (b"10/Nov/2025:13:30:00 +0330", HOUR),
        (b"10/Nov/2025:06:30:59 -0330", HOUR),
        (b"[10/Nov/2025:10:59:60 +0000]", HOUR),
        (b"2025-11-10T10:00:00.123456Z", HOUR),
        (b"2025-11-10T12:00:00+02:00", HOUR),
        (b"2025-11-10 10:00:00", HOUR),
        (b"Mon Nov 10 10:00:00 2025", HOUR),
        (b"1762768800", HOUR),
        (b"1762768800.123", HOUR),
        (b"1762768800123", HOUR),
        (b"1762768800123456", HOUR),
        (b"1762768800123456789", HOUR),
        (b"-", -1),
        (b"31/Feb/2025:10:00:00 +0000", Rejection("bad-time")),
        (b"01/Jan/1970:10:00:00 +0000", Rejection("bad-time")),
    ],
)
def test_times(raw, hour):
    clock = Clock(NOW_S)
    assert clock.hour(raw) == hour
    assert clock.hour(raw) == hour
