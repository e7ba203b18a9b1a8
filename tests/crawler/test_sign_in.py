"""Signing in at a server that misbehaves: what is sent, to whom, and what is said. The real form: `tests.flow`."""

from __future__ import annotations

import json
import re
import socket
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from crawler.env import load_config
from url_manifests.errors import ConfigurationError
from url_manifests.manifest import Entry
from url_manifests.protocol import SITE_HEADER, TICKET_HEADER, TRACE_HEADER
from url_manifests.traces import KeyEvent, KeyKind, SiteView, Trace, TracedKey, encode_site_view, encode_trace

from .conftest import Project
from .fake_site import SECRET

PASSWORD = "a-password-0123456789-abcdef"
ACCOUNTS = json.dumps({"trade": ["ann@shop.example", PASSWORD]})
FORM = (
    b'<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="tok">'
    b'<input name="username"><input type="password" name="password"></form>'
)
SESSION = "s-trade-session-0123456789"
SIGNED_IN = [("Set-Cookie", f"sessionid={SESSION}; HttpOnly; Path=/; Max-Age=1209600")]


@dataclass
class LoginSite:
    """A site of one page that may be cached and a sign-in page; by default all goes well."""

    url: str = ""
    page: tuple[int, list[tuple[str, str]], bytes] = (200, [("Set-Cookie", "csrftoken=c-s-r-f; Path=/")], FORM)
    """What a GET of the sign-in page gives."""
    sent: tuple[int, list[tuple[str, str]], bytes] = (302, [("Location", "/account/"), *SIGNED_IN], b"")
    """What a form gives that was sent."""
    persona: dict[str, Any] = field(default_factory=lambda: {"persona": "trade"})
    """What the site says of requests with the session."""
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    store: set[str] = field(default_factory=set)

    @property
    def posts(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        return [request for request in self.seen if request[0] != "GET"]

    def answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        if method == "POST":
            return self.sent
        is_signed_in = SESSION in headers.get("cookie", "")
        if path == "/login/" and not is_signed_in:
            return self.page
        if TICKET_HEADER.lower() not in headers:
            return 200, [], b"fine"
        keys = tuple(
            TracedKey(alias="default", key=key, event=KeyEvent.HIT if key in self.store else KeyEvent.STORED, kind=kind)
            for key, kind in ((f"{path} {headers.get('cookie')}", KeyKind.PAGE), ("role", KeyKind.PART))
        )
        self.store.update(key.key for key in keys)
        trace = Trace(keys=keys, extra=self.persona if is_signed_in else {})
        view = self._view(path)
        return 200, [(TRACE_HEADER, encode_trace(trace)), (SITE_HEADER, encode_site_view(view))], b"<p>Hello</p>"

    def _view(self, path: str) -> SiteView:
        names = {"language": "en", "time_zone": "UTC", "django": "6.1", "release": "", "worker": "1", "aliases": {}}
        return SiteView(absolute_uri=f"{self.url}{path}", **names)  # type: ignore[arg-type]


@pytest.fixture
def login_site() -> Iterator[LoginSite]:
    site = LoginSite()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            site.seen.append((self.command, self.path, headers, body))
            status, lines, content = site.answer(self.command, self.path, headers)
            self.send_response(status)
            for name, value in [("Content-Type", "text/html"), *lines, ("Content-Length", str(len(content)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the name that the library calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """Another host, which must never hear of us."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        yield listener


def heard(listener: socket.socket) -> bool:
    try:
        listener.accept()
    except TimeoutError:
        return False
    return True


@pytest.fixture
def signing_in(empty_project: Project, login_site: LoginSite) -> Project:
    empty_project.write_env(
        base_url=login_site.url, secret=SECRET, ready_url="/healthz", rate=0, ready_timeout=5, timeout=3,
        sign_in_url="/login/", sign_in_as=ACCOUNTS,
    )  # fmt: skip
    empty_project.write_entries([Entry(url="/page/1/", hits=10, signed_in=0.5)])
    return empty_project


def test_one_form_is_sent_and_its_session_used(signing_in: Project, login_site: LoginSite) -> None:
    result = signing_in.crawl()
    assert result.returncode == 0, result.stderr
    ((_, path, headers, body),) = login_site.posts
    assert path == "/login/"
    assert parse_qs(body.decode()) == {
        "csrfmiddlewaretoken": ["tok"], "username": ["ann@shop.example"], "password": [PASSWORD]
    }  # fmt: skip
    assert headers["cookie"] == "csrftoken=c-s-r-f"
    assert (headers["origin"], headers["referer"]) == (login_site.url, f"{login_site.url}/login/")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert "chrome" in headers["user-agent"].lower()
    cookies = {request[2].get("cookie") for request in login_site.seen if request[1] == "/page/1/"}
    assert cookies == {None, f"sessionid={SESSION}"}
    assert {(o.persona, o.result) for o in signing_in.outcomes} == {("", "stored"), ("trade", "already_warm")}
    assert signing_in.report["personas"] == ["trade"]
    assert "live until they expire" in result.stderr


def test_a_second_run_signs_in_anew_and_goes_on(signing_in: Project, login_site: LoginSite) -> None:
    """The roles are known before anybody has signed in, so a run can be resumed."""
    assert signing_in.crawl("run_id=one").returncode == 0
    assert signing_in.crawl("resume=one").returncode == 0
    assert len(login_site.posts) == 2
    assert signing_in.report["resumed_with"] == 2


OTHER = "http://127.0.0.1:{port}/login/"
AWAY = FORM.replace(b"<form", b'<form action="%s"' % OTHER.encode())
SHORT = ("Set-Cookie", f"sessionid={SESSION}; Max-Age=60")
TOLD = {
    "wrong password": ({"sent": (200, [], FORM)}, "are name and password right?"),
    "back to the form": ({"sent": (302, [("Location", "/login/?error=1")], b"")}, "are name and password right?"),
    "single sign-on": ({"page": (302, [("Location", OTHER)], b"")}, "nothing is sent to another host"),
    "to another scheme": ({"page": (302, [("Location", "https://127.0.0.1/x")], b"")}, "nothing is sent to another"),
    "the form of another": ({"page": (200, [], AWAY)}, "to the site itself"),
    "then elsewhere": ({"sent": (302, [("Location", OTHER), *SIGNED_IN], b"")}, "nothing is sent to another host"),
    "no form": ({"page": (200, [], b"<div id=app></div>")}, "has no form with a name and a password"),
    "missing": ({"page": (404, [], b"")}, "is it the sign-in page?"),
    "a loop": ({"page": (302, [("Location", "/login/")], b"")}, "is it the sign-in page?"),
    "second factor": ({"sent": (302, [("Location", "/account/two_factor/"), *SIGNED_IN], b"")}, "second factor"),
    "a code": ({"sent": (200, [], b"<form method=post><input name=otp_token></form>")}, "second factor"),
    "csrf": ({"sent": (403, [], b"CSRF verification failed")}, "answers 403"),
    "throttled": ({"sent": (429, [], b"")}, "too many tries"),
    "no session": ({"sent": (302, [("Location", "/"), ("Set-Cookie", "sid=x")], b"")}, "cookies: csrftoken, sid"),
    "not a cookie": ({"sent": (302, [("Location", "/"), ("Set-Cookie", 'sessionid="a b"')], b"")}, "not the value of"),
    "ends too soon": ({"sent": (302, [("Location", "/"), SHORT], b"")}, "before WARM_DEADLINE"),
    "nobody": ({"persona": {}}, "does not take 'trade' for signed in"),
    "no persona": ({"persona": {"persona": "?"}}, "is not in CACHE_WARMING['PERSONAS']"),
    "somebody else": ({"persona": {"persona": "retail"}}, "is that of 'retail'"),
    "superuser": ({"persona": {"persona": "?", "refused_as": "superuser"}}, "(superuser): name an ordinary one"),
    "staff": ({"persona": {"persona": "trade", "refused_as": "staff"}}, "or say 'staff': True"),
}  # fmt: skip


@pytest.mark.parametrize("case", TOLD)
def test_what_is_no_session_to_warm_with(
    signing_in: Project, login_site: LoginSite, elsewhere: socket.socket, case: str
) -> None:
    changes, expected = TOLD[case]
    port = str(elsewhere.getsockname()[1])
    for name, value in changes.items():
        if isinstance(value, tuple):
            status, lines, body = value
            lines = [(key, text.replace("{port}", port)) for key, text in lines]
            value = (status, lines, body.replace(b"{port}", port.encode()))  # noqa: PLW2901
        setattr(login_site, name, value)
    result = signing_in.crawl("progress=none")
    assert result.returncode == 2, result.stderr
    assert expected in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert not heard(elsewhere)
    assert len(login_site.posts) == ("sent" in changes or "persona" in changes)
    assert not [request for request in login_site.seen if request[1].startswith("/page/")]
    written = [path.read_text() for path in (signing_in.folder / "var").rglob("*") if path.is_file()]
    assert not [text for text in (result.stderr, *written) if PASSWORD in text or SESSION in text or "ann@" in text]
    assert (signing_in.report["planned"], signing_in.report["skipped"]) == (2, 2)


@pytest.mark.parametrize("changes", [{"page": (500, [], b"")}, {"sent": (502, [], b"")}])
def test_a_broken_sign_in_page_is_a_site_that_is_not_ready(
    signing_in: Project, login_site: LoginSite, changes: dict[str, Any]
) -> None:
    vars(login_site).update(changes)
    assert signing_in.crawl().returncode == 7


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sign_in_as": ""}, "need each other"),
        ({"sign_in_url": ""}, "need each other"),
        ({"secret": ""}, "needs WARM_SECRET"),
        ({"personas": "mint"}, "cannot be used together"),
        ({"sign_in_url": "https://other.example/login/"}, "must be a path of the site"),
        ({"sign_in_url": "//other.example/login/"}, "must be a path of the site"),
        ({"sign_in_as": f'["{PASSWORD}"'}, "**** (from the process environment) must be JSON"),
        ({"sign_in_as": f'{{"trade": "{PASSWORD}"}}'}, "must be JSON"),
        ({"sign_in_as": f'{{"a b": ["x", "{PASSWORD}"]}}'}, "has a role"),
        ({"sign_in_cookie": "a=b"}, "must be the name of a cookie"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, values: dict[str, str], expected: str) -> None:
    settings = {"base_url": "http://127.0.0.1:9", "secret": SECRET, "sign_in_url": "/login/", "sign_in_as": ACCOUNTS}
    environ = {f"WARM_{name.upper()}": value for name, value in {**settings, **values}.items()}
    with pytest.raises(ConfigurationError, match=re.escape(expected)) as caught:
        load_config({"env": "test"}, environ, tmp_path)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_no_repr_shows_the_account(tmp_path: Path) -> None:
    environ = {"WARM_BASE_URL": "http://127.0.0.1:9", "WARM_SECRET": SECRET, "WARM_SIGN_IN_URL": "/login/"}
    config = load_config({"env": "test"}, {**environ, "WARM_SIGN_IN_AS": ACCOUNTS}, tmp_path)
    assert config.sign_in_as["trade"].password == PASSWORD
    assert not [name for name in (PASSWORD, "ann@") if name in repr(config) + repr(config.sign_in_as)]
