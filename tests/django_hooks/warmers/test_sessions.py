"""A warmed session is the one that the engine itself would have stored: key, alias, value, rest of life."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.cache import cache, caches
from django.core.checks import run_checks
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_hooks.warmers.registry import project_warmers
from django_hooks.warmers.sessions import SessionsWarmer, declared_sessions
from tests.django_hooks.conftest import SHARED
from url_manifests.errors import ConfigurationError

OWN = "tests.django_hooks.warmers.session_store"


def engine():
    return import_module(django_settings.SESSION_ENGINE).SessionStore


def make(expires_in_s=3600, **data):
    """A session that is in the database and not in the cache."""
    store = engine()()
    store.update(data)
    store.set_expiry(expires_in_s)
    store.save()
    store._cache.delete(store.cache_key)
    return store.session_key


def write(warmer):
    """What a run does with the entries: store those that are computed."""
    entries = list(warmer.entries())
    values = warmer.compute_many(entries)
    for entry in entries:
        caches[entry.alias].set(entry.key, values[entry.key], entry.timeout)
    return entries


@pytest.mark.parametrize("engine_path", ["django.contrib.sessions.backends.cached_db", OWN])
@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_request_finds_it_and_asks_no_database(backend, settings, engine_path):
    settings.SESSION_ENGINE = engine_path
    keys = [make(name=f"visitor {number}") for number in range(3)]
    entries = write(SessionsWarmer())
    assert {entry.source for entry in entries} == set(keys)
    with CaptureQueriesContext(connection) as queries:
        names = [engine()(key)["name"] for key in keys]
    assert names == ["visitor 0", "visitor 1", "visitor 2"]
    assert [query for query in queries.captured_queries if "django_session" in query["sql"]] == []


def test_key_alias_and_value_are_those_of_the_engine(backend, settings, configure):
    settings.CACHES = {**settings.CACHES, "sessions": {**configure("db"), "KEY_PREFIX": "s"}}
    settings.SESSION_CACHE_ALIAS = "sessions"
    key = make(basket=[1, 2])
    (entry,) = SessionsWarmer().entries()
    assert (entry.key, entry.alias) == (f"django.contrib.sessions.cached_db{key}", "sessions")
    engine()(key).load()
    stored = caches["sessions"].get(entry.key)
    assert stored["basket"] == [1, 2]
    assert SessionsWarmer().compute_many([entry]) == {entry.key: stored}


def test_the_rest_of_the_life_is_the_timeout_and_newest_activity_goes_first(backend):
    keys = {make(seconds): seconds for seconds in (600, 7200, 1800)}
    entries = list(SessionsWarmer().entries())
    assert [keys[entry.source] for entry in entries] == [7200, 1800, 600]
    assert all(keys[entry.source] - 5 <= entry.timeout <= keys[entry.source] for entry in entries)


def test_an_expired_session_is_never_warmed(backend):
    key = make()
    Session.objects.filter(pk=key).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert list(SessionsWarmer().entries()) == []


@pytest.mark.parametrize("data", ["", "garbage", "a:b:c"])
def test_a_row_that_cannot_be_read_is_a_finding_and_not_an_empty_session(backend, data):
    broken, sound = make(), make(name="sound")
    Session.objects.filter(pk=broken).update(session_data=data)
    entries = {entry.source: entry for entry in SessionsWarmer().entries()}
    values = SessionsWarmer().compute_many(list(entries.values()))
    assert isinstance(values[entries[broken].key], Exception)
    assert values[entries[sound].key]["name"] == "sound"


def test_a_session_signed_with_another_key_is_a_finding(backend, settings):
    key = make()
    settings.SECRET_KEY = "another " + settings.SECRET_KEY
    (entry,) = SessionsWarmer().entries()
    assert "Signature" in str(SessionsWarmer().compute_many([entry])[entry.key])
    assert entry.source == key


def test_an_empty_session_is_no_finding(backend):
    store = engine()()
    store.save()
    (entry,) = SessionsWarmer().entries()
    assert SessionsWarmer().compute_many([entry]) == {entry.key: {}}


def test_a_row_that_the_engine_would_not_look_up_is_named(backend):
    Session.objects.create(session_key="short", session_data="x", expire_date=timezone.now() + timedelta(hours=1))
    (entry,) = SessionsWarmer().entries()
    assert entry.problem == "the engine does not take this for a session's key"


def test_a_logout_or_a_saved_session_while_writing_is_noticed(backend):
    kept, ended, saved = make(), make(), make()
    entries = list(SessionsWarmer().entries())
    values = SessionsWarmer().compute_many(entries)
    Session.objects.filter(pk=ended).delete()
    store = engine()(saved)
    store["basket"] = [1]
    store.save()
    gone = SessionsWarmer().changed_meanwhile(entries, values)
    assert {entry.source for entry in entries if entry.key in gone} == {ended, saved}
    assert kept


def test_sessions_are_read_in_two_queries_and_a_batch_in_one(backend, django_assert_num_queries):
    for _ in range(5):
        make()
    with django_assert_num_queries(1):
        entries = list(SessionsWarmer().entries())
    with django_assert_num_queries(1):
        assert len(SessionsWarmer().compute_many(entries)) == 5


def test_the_setting_declares_it(backend, settings):
    make(60)
    newest = make(120)
    settings.CACHE_WARMING = {"SESSIONS": {"limit": 1, "priority": 7}}
    (warmer,) = declared_sessions()
    assert (warmer.name, warmer.category, warmer.priority) == ("sessions", "sessions", 7)
    assert [entry.source for entry in warmer.entries()] == [newest]
    assert "sessions" in {warmer.name for warmer in project_warmers()}
    settings.CACHE_WARMING = {"SESSIONS": False}
    assert list(declared_sessions()) == []


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"limits": 1}, "'limits' is unknown; did you mean 'limit'"),
        ({"limit": 0}, "'limit' must be a whole number, is 0"),
        ({"priority": "high"}, "'priority' must be a whole number"),
    ],
)
def test_a_wrong_declaration_is_named_by_an_error_and_by_a_check(settings, declared, words):
    settings.CACHE_WARMING = {"SESSIONS": declared}
    with pytest.raises(ConfigurationError, match=words):
        list(declared_sessions())
    (message,) = [message for message in run_checks(tags=["caches"]) if message.id == "cache_warming.E009"]
    assert words in message.msg


@pytest.mark.parametrize("name", ["db", "cache", "file", "signed_cookies"])
def test_other_engines_are_explained_and_not_faked(settings, name):
    settings.CACHE_WARMING = {"SESSIONS": True}
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{name}"
    with pytest.raises(ConfigurationError, match=f"{name} leaves nothing to warm: "):
        list(SessionsWarmer().entries())
    assert "cache_warming.W007" in {message.id for message in run_checks(tags=["caches"])}


def test_an_engine_that_is_not_there_is_named(settings):
    settings.SESSION_ENGINE = "nowhere"
    with pytest.raises(ConfigurationError, match="cannot be loaded: No module named 'nowhere'"):
        list(SessionsWarmer().entries())


def test_values_are_plain_data(backend):
    """Nothing of the run gets into the session that a visitor then has."""
    make(name="x")
    (entry,) = write(SessionsWarmer())
    assert json.loads(json.dumps(cache.get(entry.key))) == {"name": "x", "_session_expiry": 3600}
