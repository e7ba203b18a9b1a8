"""What responses and failures are reduced to."""

from __future__ import annotations

import pytest
from scrapy.exceptions import DownloadCancelledError, DownloadFailedError, DownloadTimeoutError, ResponseDataLossError
from scrapy.http import Response

from crawler.answer import Answer, answer_from_error, answer_from_response, is_login_path
from url_manifests.protocol import TRACE_HEADER
from url_manifests.traces import KeyEvent, KeyKind, Trace, TracedKey, encode_trace


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/accounts/login/", True),
        ("https://shop.example/en/login", True),
        ("/wp-login.php", True),
        ("/sign-in/", True),
        ("/user_login/", True),
        ("https://sso.example/saml2/idp/", True),
        ("/oauth2/authorize", True),
        ("/blog/login-fatigue/", False),
        ("/authors/", False),
        ("/catalogin/", False),
        ("/page/?next=/login/", False),
        ("http://[broken", False),
    ],
)
def test_login_pages(location: str, expected: bool) -> None:
    assert is_login_path(location) is expected


@pytest.mark.parametrize(
    ("status", "reason"), [(200, ""), (304, ""), (301, ""), (404, "status-4xx"), (429, "busy"), (500, "status-5xx")]
)
def test_statuses(status: int, reason: str) -> None:
    assert answer_from_response(Response("http://x/", status=status)).reason == reason


def test_the_query_of_a_redirect_is_not_kept() -> None:
    response = Response("http://x/", status=302, headers={"Location": "/in/?token=abc"})
    assert answer_from_response(response).location == "/in/"


def test_trace() -> None:
    trace = Trace(reason="private", worker="7")
    response = Response("http://x/", headers={TRACE_HEADER: encode_trace(trace)})
    assert answer_from_response(response).trace == trace


@pytest.mark.parametrize("value", [b"nonsense", b"\xff\xfe", b""])
def test_broken_traces(value: bytes) -> None:
    answer = answer_from_response(Response("http://x/", headers={TRACE_HEADER: value}))
    assert answer.is_trace_broken
    assert answer.trace is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DownloadTimeoutError(), "timeout"),
        (DownloadCancelledError(), "too-large"),
        (ResponseDataLossError(), "connection"),
        (DownloadFailedError(), "connection"),
        (OSError("no route"), "connection"),
    ],
)
def test_failures(error: Exception, reason: str) -> None:
    answer = answer_from_error(error)
    assert answer
    assert answer.reason == reason
    assert answer.detail


def test_bugs_are_no_answers() -> None:
    assert answer_from_error(KeyError("x")) is None


@pytest.mark.parametrize(
    ("status", "trace", "reason", "detail"),
    [
        (500, Trace(reason="write-refused", extra={"refused": {"log": 2, "cart": 1}}), "write-refused", "log, cart"),
        (403, Trace(reason="persona-refused"), "persona-refused", "403"),
        (500, Trace(reason="status"), "status-5xx", "500"),
        (503, Trace(reason="write-refused", extra={"refused": "log"}), "write-refused", "503"),
    ],
)
def test_a_refusal_says_more_than_its_status(status: int, trace: Trace, reason: str, detail: str) -> None:
    answer = answer_from_response(Response("http://x/", status=status, headers={TRACE_HEADER: encode_trace(trace)}))
    assert (answer.reason, answer.detail, answer.is_overload) == (reason, detail, False)


def traced(status: int, *events: KeyEvent, reason: str = "cache-interrupted") -> Answer:
    keys = tuple(TracedKey(alias="default", key="k", event=event, kind=KeyKind.PAGE) for event in events)
    headers = {TRACE_HEADER: encode_trace(Trace(keys=keys, reason=reason))}
    return answer_from_response(Response("https://shop.example/", status=status, headers=headers))


def test_what_is_too_much_for_the_site_stays_so_whatever_its_cache_did() -> None:
    busy = traced(503)
    assert (busy.reason, busy.is_overload) == ("busy", True)
    assert traced(500).reason == "cache-interrupted"


def test_a_page_that_was_kept_is_not_asked_for_again() -> None:
    assert not traced(200, KeyEvent.STORED).is_interrupted
    assert traced(200, KeyEvent.LOST, KeyEvent.STORED).is_interrupted
    assert traced(200).is_interrupted
    assert traced(500, KeyEvent.HIT).is_interrupted, "of the list of headers"
    assert not traced(200, reason="").is_interrupted
