"""The example under real servers with two workers: traced by whoever answers, checked by a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.conftest import SECRET
from url_manifests.outcomes import KeyState, Outcome, OutcomeWriter, Result, RunInfo
from url_manifests.protocol import SITE_HEADER, TICKET_HEADER, TRACE_HEADER, Purpose
from url_manifests.traces import KeyEvent, decode_site_view, decode_trace

from .tickets import HOST, ticket

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("/en/", "/de/", "/en/offers/")


@pytest.fixture(params=["db", "redis", "redis-builtin", "memcached"])
def cache_url(request):
    if request.param == "db":
        return "db"
    server = request.getfixturevalue("memcached_server" if request.param == "memcached" else "redis_server")
    return f"{request.param}://{urlsplit(server.url).netloc or f'{server.host}:{server.port}'}"


def get(site, target, purpose=Purpose.WARM):
    headers = {
        "Host": HOST,
        "X-Forwarded-Proto": "https",
        TICKET_HEADER: ticket(target, secret=SECRET, purpose=purpose),
    }
    with urlopen(Request(site.base_url + target, headers=headers), timeout=30) as response:
        response.read()
        return response.headers


def outcome_of(target, first, second):
    """What a crawler makes of two traces of a page, in short."""
    there = {(key.alias, key.key, key.version): key.kind for key in second.keys if key.event is KeyEvent.HIT}
    stored = {(key.alias, key.key, key.version): key.kind for key in first.keys if key.event is KeyEvent.STORED}
    keys = [
        KeyState(alias=alias, key=key, version=version, kind=kind, result=Result.STORED)
        for (alias, key, version), kind in (there | stored).items()
    ]
    page = Result.STORED if second.page_hit else Result.NOT_STORED
    return Outcome(url=target, result=Result.STORED, reason=second.reason, page=page, weight=1, keys=tuple(keys))


def manage(site, *args):
    env = {**os.environ, **site.env, "DJANGO_SETTINGS_MODULE": "example.settings"}
    command = [sys.executable, "-m", "django", *args]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_what_the_workers_traced_another_process_finds(start_site, cache_url, server, tmp_path):
    site = start_site(cache=cache_url, server=server)
    view = decode_site_view(get(site, "/en/", Purpose.HELLO)[SITE_HEADER])
    assert (view.absolute_uri, view.language) == (f"https://{HOST}/en/", "en")
    path = tmp_path / "outcomes.jsonl"
    with OutcomeWriter(path, RunInfo(run_id="r", env="test")) as writer:
        for target in TARGETS:
            first, second = (decode_trace(get(site, target)[TRACE_HEADER]) for _ in range(2))
            assert not any(key.event is KeyEvent.LOST for key in (*first.keys, *second.keys))
            writer.write(outcome_of(target, first, second))
    checked = manage(site, "warm_cache", "--cross-check", str(path))
    assert (checked.returncode, checked.stdout.splitlines()) == (
        0,
        ["3 entries: 3 stored; coverage 1.000: ok", "  1 no-page-cache: /en/offers/"],
    )
    assert manage(site, "shell", "-c", "from django.core.cache import cache; cache.clear()").returncode == 0
    checked = manage(site, "warm_cache", "--cross-check", str(path))
    assert checked.returncode == 4
    assert "keys that were reported as warm are gone; coverage is 0.000 instead of 0.9" in checked.stderr
