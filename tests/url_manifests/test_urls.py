from __future__ import annotations

import pytest
from django.test import RequestFactory
from django.utils.encoding import iri_to_uri
from hypothesis import given
from hypothesis import strategies as st

from url_manifests.tracking import defeats_caches, tracking_test
from url_manifests.urls import canonical, canonical_host, without_tracking

is_tracking = tracking_test()


def url(target: str | bytes) -> str | None:
    found = canonical(target.encode() if isinstance(target, str) else target, is_tracking)
    return found.url if found else None


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/en/", "/en/"),
        ("/en/?", "/en/"),
        ("/en/?b=2&a=1", "/en/?b=2&a=1"),
        ("/en/?a=1&&b=", "/en/?a=1&&b="),
        ("/en/#top", "/en/"),
        ("/en/?a=1&utm_source=x&b=2&fbclid=y", "/en/?a=1&b=2"),
        ("/en/?gclid=x", "/en/"),
        ("/%7Eann/", "/~ann/"),
        ("/a%2Fb/", "/a%2Fb/"),
        ("/a%2fb/", "/a%2Fb/"),
        ("/100%/", "/100%25/"),
        ("/a|b/", "/a%7Cb/"),
        ("/a b/", "/a%20b/"),
        ("/caf%c3%a9/", "/caf%C3%A9/"),
        ("/?q=caf%c3%a9", "/?q=caf%c3%a9"),
        ("/?q=a|b", "/?q=a%7Cb"),
        (b"/caf\xc3\xa9/?q=\xe9", "/caf%C3%A9/?q=%E9"),
        ("http://shop.example/x/?a=1", "/x/?a=1"),
        ("https://shop.example", "/"),
        ("//evil.example/", None),
        ("*", None),
        ("shop.example:443", None),
        ("/a/../b/", None),
        ("/a\\b/", None),
        ("/" + "x" * 3000, None),
    ],
)
def test_canonical(target, expected):
    assert url(target) == expected


def test_the_host_of_an_absolute_target():
    assert canonical(b"https://Shop.example:443/x/", is_tracking).host == "shop.example"
    assert canonical(b"http://shop.example:8080/x/", is_tracking).host == "shop.example:8080"


@pytest.mark.parametrize(
    ("raw", "host"),
    [(b"Shop.Example", "shop.example"), (b"shop.example:443", "shop.example"), (b"-", ""), (b"_", ""), (b"a b", ""),
     (b"[::1]:8080", "[::1]:8080"), (b"shop.example.", "shop.example"), (b"\xff", "")],
)  # fmt: skip
def test_canonical_host(raw, host):
    assert canonical_host(raw) == host


def key_uri(target: str) -> str:
    """What Django hashes into its page key: the absolute URI."""
    path, _, query = target.partition("?")
    request = RequestFactory().get("/", QUERY_STRING=query)
    from urllib.parse import unquote_to_bytes

    request.path = request.path_info = unquote_to_bytes(path).decode()
    return iri_to_uri(request.build_absolute_uri(request.get_full_path()))


@given(
    st.text("abcXYZ019/~-._!$'()*,:@+= éß漢%", max_size=20).map(
        lambda text: "/" + text.replace("%", "%41").lstrip("/")
    ),
    st.text("ab=&+%é|[]~'", max_size=20).map(lambda text: text.replace("%", "%7E")),
)
def test_the_canonical_form_keeps_djangos_page_key(path, query):
    target = f"{path}?{query}" if query else path
    if (found := url(target)) is not None:
        assert key_uri(found) == key_uri(target)


@given(st.binary(max_size=80).map(lambda raw: b"/" + raw))
def test_the_canonical_form_is_a_fixed_point_that_manifests_hold(raw):
    found = url(raw)
    if found is not None:
        assert found.isascii()
        assert found.isprintable()
        assert not set(found) & set(' #\\"<>')
        assert url(found) == found


def test_orders_of_parameters_are_one_group():
    first, second = (canonical(target, is_tracking) for target in (b"/?b=2&a=1", b"/?a=1&b=2"))
    assert first.unordered == second.unordered != ""
    assert canonical(b"/?a=1", is_tracking).unordered == ""


PARAMETERS = st.sampled_from(
    [b"a=1", b"gclid=x", b"utm_source=", b"utm_<=1", b"", b"fbclid", b"b=%7e", b"c=\xe9", b"#", b"?"]
)


@given(
    st.sampled_from([b"/en/", b"/caf\xc3\xa9/", b"https://shop.example", b"/a#b", b"/../a", b"*"]), st.lists(PARAMETERS)
)
def test_a_target_without_its_tracking_is_the_same_page(path, parameters):
    target = path + b"?" + b"&".join(parameters)
    assert url(without_tracking(target, is_tracking)) == url(target)


def test_tracking_is_taken_out_before_targets_are_told_apart():
    assert without_tracking(b"/en/?gclid=x", is_tracking) == b"/en/"
    assert without_tracking(b"/en/?a=1&gclid=x&b", is_tracking) == b"/en/?a=1&b"
    assert without_tracking(b"/en/?a=1", is_tracking) == b"/en/?a=1"


def test_tracking_lists_can_be_changed():
    test = tracking_test(["ref", "x_*"], ["utm_campaign"])
    assert [test(name) for name in ("ref", "x_1", "utm_campaign", "utm_source", "q")] == [
        True,
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("query", "defeats"), [("8890121518", True), ("_=1700000000000", True), ("page=2", False), ("2024", False)]
)
def test_cache_busters(query, defeats):
    assert defeats_caches(query) is defeats
