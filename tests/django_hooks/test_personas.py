"""Who may be a persona, and the life of a minted session under every engine."""

from __future__ import annotations

import io
import json
import stat
import time
from datetime import timedelta

import pytest
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone

from django_hooks.models import PersonaSession
from django_hooks.personas import listing, mint, revoke
from url_manifests.errors import ConfigurationError, UnknownNameError
from url_manifests.personas import read_personas

from .tickets import HOST

ENGINES = ("db", "cached_db", "cache", "file", "signed_cookies")


def whoami(request):
    return HttpResponse(request.user.get_username() or "anonymous")


urlpatterns = [path("whoami/", whoami)]


@pytest.fixture
def shop(site, django_user_model):
    site.ROOT_URLCONF = __name__
    django_user_model.objects.create_user("persona-trade", password="x")
    django_user_model.objects.create_user("persona-staff", is_staff=True)
    django_user_model.objects.create_user("persona-root", is_staff=True, is_superuser=True)
    django_user_model.objects.create_user("persona-gone", is_active=False)
    configure(site, trade={"username": "persona-trade"})
    return site


@pytest.fixture(params=ENGINES)
def engine(request, shop, tmp_path):
    shop.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    shop.SESSION_FILE_PATH = str(tmp_path)
    return request.param


def configure(site, **personas):
    site.CACHE_WARMING = {**site.CACHE_WARMING, "PERSONAS": personas}


def ask(session):
    client = Client()
    client.cookies["sessionid"] = session
    return client.get("/whoami/", headers={"host": HOST}).text


def run(*args):
    out, err = io.StringIO(), io.StringIO()
    call_command("warm_personas", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_session_is_that_of_the_account_until_it_is_revoked(engine, shop):
    session = mint(run_id="run-1").sessions["trade"]
    assert ask(session) == "persona-trade"
    (row,) = PersonaSession.objects.all()
    assert row.session_key == ("" if engine == "signed_cookies" else session)
    assert revoke() == 1
    # What lives in a cookie alone can only end by its time.
    assert ask(session) == ("persona-trade" if engine == "signed_cookies" else "anonymous")
    assert not PersonaSession.objects.exists()
    assert not Session.objects.exists()


def test_a_session_ends_by_its_time_though_it_was_used(engine, shop, monkeypatch):
    shop.SESSION_SAVE_EVERY_REQUEST = engine != "signed_cookies"
    session = mint(ttl_s=60).sessions["trade"]
    real_time, real_now = time.time, timezone.now
    assert ask(session) == "persona-trade"
    monkeypatch.setattr(time, "time", lambda: real_time() + 61)
    monkeypatch.setattr(timezone, "now", lambda: real_now() + timedelta(seconds=61))
    monkeypatch.setattr("django.core.cache.backends.db.tz_now", timezone.now)
    assert ask(session) == "anonymous"


def test_the_next_mint_ends_what_a_dead_run_left(engine):
    first, second = mint(), mint()
    assert ask(second.sessions["trade"]) == "persona-trade"
    if engine != "signed_cookies":
        assert ask(first.sessions["trade"]) == "anonymous"
    assert PersonaSession.objects.count() == 1


def test_sessions_of_another_run_can_be_kept(shop):
    first = mint(run_id="a")
    PersonaSession.objects.create(role="old", engine=shop.SESSION_ENGINE, session_key="k", expires_at=timezone.now())
    second = mint(run_id="b", keeps_earlier=True)
    assert [row.run_id for row in listing()] == ["a", "b"]
    assert revoke(run_id="b") == 1
    assert (ask(first.sessions["trade"]), ask(second.sessions["trade"])) == ("persona-trade", "anonymous")


def test_nobody_is_told_of_a_visit_and_last_login_stays(shop, django_user_model):
    told = []

    def hear(**kwargs):
        told.append(kwargs)

    user_logged_in.connect(hear)
    try:
        ask(mint().sessions["trade"])
    finally:
        user_logged_in.disconnect(hear)
    assert (told, django_user_model.objects.get(username="persona-trade").last_login) == ([], None)


def test_a_new_password_ends_the_session(shop, django_user_model):
    session = mint().sessions["trade"]
    user = django_user_model.objects.get(username="persona-trade")
    user.set_password("another")
    user.save()
    assert ask(session) == "anonymous"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"username": "persona-root"}, "is superuser; name an ordinary account"),
        ({"username": "persona-root", "staff": True}, "is superuser; name an ordinary account"),
        ({"username": "persona-staff"}, "is staff; if that is meant, add 'staff': True"),
        ({"username": "persona-gone"}, "is inactive"),
        ({"username": "nobody-here"}, "there is no account 'nobody-here'"),
        ({"username": "persona-trade", "backend": "nowhere.Backend"}, "is not in AUTHENTICATION_BACKENDS"),
        ({}, "'username' is missing"),
        ({"username": "persona-trade", "staff": 1}, "'staff' must be True or False"),
        ({"username": "persona-trade", "markers": "x"}, "'markers' must be a list of texts"),
        ("persona-trade", "must be a dict"),
    ],
)
def test_who_is_no_persona(shop, options, problem):
    configure(shop, trade={"username": "persona-trade"}, other=options)
    with pytest.raises(ConfigurationError) as caught:
        mint()
    assert problem in str(caught.value)
    assert "PERSONAS" in str(caught.value)
    assert not PersonaSession.objects.exists()


def test_staff_by_the_explicit_word(shop):
    configure(shop, staff={"username": "persona-staff", "staff": True})
    assert ask(mint().sessions["staff"]) == "persona-staff"


def test_wrong_roles_times_and_names(shop):
    with pytest.raises(UnknownNameError, match="did you mean 'trade'"):
        mint(roles=["trad"])
    for ttl_s in (1, 10**6):
        with pytest.raises(ConfigurationError, match="--ttl"):
            mint(ttl_s=ttl_s)
    configure(shop, **{"no role!": {"username": "persona-trade"}})
    with pytest.raises(ConfigurationError, match="a role is"):
        mint()
    configure(shop)
    with pytest.raises(ConfigurationError, match="names no account"):
        mint()


@pytest.mark.parametrize("backend", ["locmem"], indirect=True)
def test_sessions_in_a_cache_of_one_process_are_refused(shop):
    shop.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    with pytest.raises(ConfigurationError, match="belongs to one process"):
        mint()
    assert "cache_warming.E007" in {message.id for message in run_checks(tags=["caches"])}


def test_the_file_is_for_its_owner_and_the_session_stands_nowhere_else(shop, tmp_path):
    path = tmp_path / "personas.json"
    out, err = run("-o", str(path), "--run-id", "run-7")
    personas = read_personas(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ask(personas.sessions["trade"]) == "persona-trade"
    assert out == ""
    assert err.startswith("trade until ")
    listed, _ = run("list")
    assert listed.startswith("trade until ")
    assert listed.endswith("run=run-7\n")
    assert not any(personas.sessions["trade"] in text for text in (out, err, listed, repr(personas)))
    assert run("revoke", "--run-id", "run-7")[0] == "1 session ended\n"


def test_a_site_without_time_zones_lists_in_utc_too(shop):
    """Its database holds local time; the crawler that reads the file is elsewhere."""
    shop.USE_TZ, shop.TIME_ZONE = False, "America/Sao_Paulo"
    _, told = run()
    listed, _ = run("list")
    assert listed.split(" run=")[0] == told.strip()


def test_the_secret_store_gets_json(shop):
    out, _ = run()
    document = json.loads(out)
    assert document.keys() == {"format", "version", "cookie", "expires_at", "personas"}
    assert ask(document["personas"]["trade"]["session"]) == "persona-trade"


def test_what_cannot_be_written_is_not_left_alive(shop, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written") as caught:
        run("-o", str(tmp_path / "file" / "personas.json"))
    assert caught.value.returncode == 2
    assert not PersonaSession.objects.exists()


def test_a_session_store_that_is_down_keeps_the_row_for_the_next_attempt(shop):
    mint()
    PersonaSession.objects.update(engine="tests.django_hooks.broken_sessions")
    with pytest.raises(ConfigurationError, match="1 sessions could not be ended: ConnectionError"):
        revoke()
    assert PersonaSession.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "ident"),
    [
        ({"PERSONAS": {"a": {}}}, "cache_warming.E007"),
        ({"PERSONAS": {"a": {"username": "ann"}}}, "cache_warming.W006"),
        ({"WRITES": "maybe"}, "cache_warming.E008"),
    ],
)
def test_checks(shop, changes, ident):
    shop.CACHE_WARMING = {**shop.CACHE_WARMING, **changes}
    assert ident in {message.id for message in run_checks(tags=["caches"])}
