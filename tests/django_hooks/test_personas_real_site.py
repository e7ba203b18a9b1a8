"""Personas on the example as a real server: what they are shown, and what they warm for others of their group."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from demo.deployment import manage
from tests.conftest import SECRET
from url_manifests.personas import parse_personas, read_personas
from url_manifests.protocol import TICKET_HEADER, TRACE_HEADER
from url_manifests.traces import KeyEvent, KeyKind, decode_trace

from .tickets import HOST, ticket

PAGES = 50
GROUPS = ("trade", "wholesale")

FRESH_SESSIONS = """
import json
from importlib import import_module
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
made = {}
for group in ("trade", "wholesale"):
    user = User.objects.filter(groups__name=group).exclude(username__startswith="persona").first()
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session.create()
    session.update({auth.SESSION_KEY: str(user.pk), auth.HASH_SESSION_KEY: user.get_session_auth_hash(),
                    auth.BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0]})
    session.save()
    made[group] = {"session": session.session_key}
print(json.dumps({"format": "warming-personas", "version": 1, "cookie": "sessionid",
                  "expires_at": "2099-01-01T00:00:00+00:00", "personas": made}))
"""


class Browser:
    """GETs over one connection, warm or not, with a session or without."""

    def __init__(self, site):
        self._connection = HTTPConnection(urlsplit(site.base_url).netloc, timeout=30)

    def close(self):
        self._connection.close()

    def get(self, target, *, cookie="", is_warm=True):
        headers = {"Host": HOST, "X-Forwarded-Proto": "https", "Cookie": cookie}
        if is_warm:
            headers[TICKET_HEADER] = ticket(target, secret=SECRET)
        self._connection.request("GET", target, headers={k: v for k, v in headers.items() if v})
        response = self._connection.getresponse()
        text = response.read().decode()
        trace = response.headers.get(TRACE_HEADER)
        return response.status, text, decode_trace(trace) if trace else None


@pytest.fixture
def browse():
    """Make a browser of a site; closed at the end."""
    with ExitStack() as stack:
        yield lambda site: stack.enter_context(closing(Browser(site)))


def products(browser):
    found: list[str] = []
    for number in range(1, 8):
        listing = browser.get(f"/en/search/?q=&page={number}", is_warm=False)[1]
        found += [path for path in re.findall(r'href="(/en/p/[\w-]+/)"', listing) if path not in found]
    return found[:PAGES]


def fragments(trace):
    return {
        key.key: key.event
        for key in trace.keys
        if key.kind is KeyKind.PART and key.key.startswith("template.cache.price_box")
    }


def test_fragments_of_both_groups_are_hits_for_their_other_members(start_site, browse, tmp_path):
    site = start_site(cache="db")
    manage("warm_personas", "-o", str(tmp_path / "p.json"), env=site.env)
    personas = read_personas(tmp_path / "p.json")
    browser = browse(site)
    paths = products(browser)
    assert len(paths) == PAGES
    stored: dict[str, set[str]] = {}
    for group in GROUPS:
        for path in paths:
            status, text, trace = browser.get(path, cookie=personas.cookie_header(group))
            assert (status, trace.extra["persona"]) == (200, group)
            assert f"Hello, persona-{group}" in text
            assert "leak" not in trace.extra
            stored.setdefault(group, set()).update(fragments(trace))
    assert len(stored["trade"]) == len(stored["wholesale"]) == PAGES
    assert stored["trade"].isdisjoint(stored["wholesale"])
    shown = manage("shell", "-c", FRESH_SESSIONS, env=site.env).stdout.splitlines()[-1]
    others = parse_personas(shown.encode(), "shell")
    for group in GROUPS:
        for path in paths:
            _, text, trace = browser.get(path, cookie=others.cookie_header(group))
            assert f'data-group="{group}"' in text
            assert set(fragments(trace).values()) == {KeyEvent.HIT}
            assert set(fragments(trace)) <= stored[group]
    for path in paths:
        assert "leak" not in browser.get(path)[2].extra
    assert manage("warm_personas", "revoke", env=site.env).stdout == "4 sessions ended\n"
    assert "Hello" not in browser.get(paths[0], cookie=personas.cookie_header("trade"), is_warm=False)[1]


@pytest.mark.parametrize("engine", ["db", "cache", "cached_db", "signed_cookies"])
@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_a_persona_is_shown_what_its_role_sees(start_site, browse, tmp_path, engine, server):
    site = start_site(cache="db", server=server, EXAMPLE_SESSIONS=engine, EXAMPLE_WRITES="refuse")
    manage("warm_personas", "-o", str(tmp_path / "p.json"), env=site.env)
    personas = read_personas(tmp_path / "p.json")
    browser = browse(site)
    for role, group in {"retail": "retail", "trade": "trade", "wholesale": "wholesale"}.items():
        status, text, trace = browser.get("/en/offers/", cookie=personas.cookie_header(role))
        assert (status, trace.extra["persona"]) == (200, role)
        assert f'data-group="{group}"' in text
        assert trace.extra.keys().isdisjoint({"refused", "writes", "leak"})
    status, text, trace = browser.get("/en/dashboard/stock/", cookie=personas.cookie_header("analyst"))
    assert (status, trace.extra["persona"]) == (200, "analyst")
    anonymous = browser.get("/en/offers/")
    assert "persona" not in anonymous[2].extra
    assert 'data-group="public"' in anonymous[1]
