"""Each mistake has its id, and says what to do."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from django.core.checks import run_checks

import django_hooks
from django_hooks import conf
from django_hooks.checks import check_cache_warming
from django_hooks.middleware import PATH
from django_hooks.setting_table import SETTINGS
from url_manifests.errors import ConfigurationError, UnknownNameError

from .tickets import SECRET

UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 1_000}}


@pytest.fixture
def sound(settings):
    """Settings without any finding."""
    settings.CACHE_WARMING = {"SECRET": SECRET}
    settings.MIDDLEWARE = [PATH, COMMON]
    settings.CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://localhost"}}
    settings.DEBUG = False
    return settings


def findings():
    return [(message.id.removeprefix("cache_warming."), message.msg, message.hint) for message in check_cache_warming()]


def test_sound_settings_have_no_finding(sound):
    assert findings() == []


def test_the_check_is_registered(sound):
    sound.CACHE_WARMING = []
    assert "cache_warming.E001" in [message.id for message in run_checks(tags=["caches"])]


@pytest.mark.parametrize(
    ("name", "value", "expected", "words"),
    [
        ("CACHE_WARMING", ["SECRET"], "E001", "must be a dict"),
        ("CACHE_WARMING", {"SECRETS": "x"}, "E002", "Did you mean 'SECRET'?"),
        ("CACHE_WARMING", {"SECRET": 7}, "E003", "must be str, is int"),
        ("CACHE_WARMING", {"SECRET": SECRET, "REQUIRE_COVERAGE": True}, "E003", "must be float or int, is bool"),
        ("CACHE_WARMING", {"SECRET": "short"}, "E004", "needs at least 32 characters, has 5"),
        ("CACHE_WARMING", {"SECRET": SECRET, "SECRET_FALLBACKS": [b"x"]}, "E004", "must hold text only"),
        ("CACHE_WARMING", {"SECRET": SECRET, "ADMISSION": {"lood": 1}}, "E010", "['ADMISSION']['lood'] is unknown"),
        ("CACHE_WARMING", {"SECRET": SECRET, "CONTROL_CACHE": "defualt"}, "E010", "did you mean 'default'?"),
        ("CACHE_WARMING", {"SECRET": SECRET, "ALLOWED_ADDRESSES": ["all"]}, "E010", "must hold addresses"),
        ("SECRET_KEY", SECRET, "E004", "must differ from SECRET_KEY"),
        ("MIDDLEWARE", [UPDATE, PATH, FETCH], "E005", "traces would get into stored pages"),
        ("MIDDLEWARE", [COMMON], "W001", "is not in MIDDLEWARE"),
        ("MIDDLEWARE", [COMMON, PATH], "W002", f"{COMMON} stands before"),
        ("CACHE_WARMING", {}, "W003", "every ticket is refused"),
        ("SESSION_SAVE_EVERY_REQUEST", True, "W031", "sets a cookie"),
        ("MIDDLEWARE", [PATH, FETCH, UPDATE], "W032", "do not stand around the others"),
        ("MIDDLEWARE", [PATH, UPDATE], "W032", "never looked up"),
        ("CACHES", {"default": LOCMEM}, "W004", "lives inside one process"),
        ("CACHES", {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}, "W004", "keeps nothing"),
    ],
)
def test_each_mistake_is_found_and_hinted_at(sound, name, value, expected, words):
    setattr(sound, name, value)
    ((found, message, hint),) = findings()
    assert (found, words in message + hint, hint != "") == (expected, True, True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LOCK_CACHE", "nope", "names 'nope', which is unknown; known: default"),
        ("LOCK_TTL_S", 0, "must be seconds above 0, is 0"),
        ("LOCK_TTL_S", -5, "must be seconds above 0, is -5"),
        ("HISTORY_DAYS", -1, "must be a whole number from 0, is -1"),
        ("HISTORY_DAYS", 10**9, "must be days up to 100000"),
        ("TASKS_LEASE_S", 0, "must be seconds above 0"),
        ("TASKS_PATIENCE_S", -1, "must be seconds from 0"),
        ("TASKS_BACKEND", "defualt", "did you mean 'default'?"),
        ("CACHE_DOWN", "goon", "must be one of go-on, stop, is 'goon'"),
        ("CACHE_WAIT_S", -1, "must be seconds from 0"),
        ("CACHE_WAIT_S", math.nan, "must be a number, is nan"),
        ("CACHE_TIMEOUT_S", 0, "must be seconds above 0"),
        ("REQUIRE_COVERAGE", 5, "must be from 0 to 1, is 5"),
        ("REQUIRE_COVERAGE", -1, "must be from 0 to 1, is -1"),
    ],
)
def test_a_value_that_a_setting_cannot_have_is_found(sound, name, value, words):
    sound.CACHE_WARMING = {"SECRET": SECRET, name: value}
    ((found, message, hint),) = findings()
    assert (found, hint) == ("E011", SETTINGS[name].help)
    assert message.startswith(f"CACHE_WARMING['{name}'] ")
    assert words in message


@pytest.mark.parametrize("days", [-1, -400])
def test_a_value_out_of_range_is_never_used(sound, days):
    sound.CACHE_WARMING = {"HISTORY_DAYS": days}
    with pytest.raises(ConfigurationError, match=rf"\['HISTORY_DAYS'\]: must be a whole number from 0, is {days}"):
        conf.get("HISTORY_DAYS")


def test_each_id_is_that_of_one_check():
    places = [
        (found, path.name)
        for path in Path(django_hooks.__file__).parent.rglob("*.py")
        for found in re.findall(r"id=\"(cache_warming\.[EW]\d{3})\"", path.read_text())
    ]
    assert [found for found, _ in places if sum(found == other for other, _ in places) > 1] == []


@pytest.mark.parametrize("backend", ["db.DatabaseCache", "filebased.FileBasedCache"])
@pytest.mark.parametrize(
    ("options", "is_found"),
    [({}, True), ({"OPTIONS": {"MAX_ENTRIES": 9}}, False), ({"max_entries": 9}, False)],
)
def test_a_cache_that_culls_at_300_is_found(sound, backend, options, is_found):
    sound.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "x", **options}}
    assert [found for found, _, _ in findings()] == ["W005"] * is_found


def test_a_private_cache_is_fine_while_developing(sound):
    sound.DEBUG = True
    sound.CACHES = {"default": LOCMEM}
    assert findings() == []


def test_a_backend_or_middleware_that_cannot_be_imported_is_left_to_django(sound):
    sound.MIDDLEWARE = [PATH, "nowhere.Middleware"]
    sound.CACHES = {"default": {"BACKEND": "nowhere.Cache"}}
    assert findings() == []


def test_settings_are_read_when_used(sound):
    assert conf.secrets() == (SECRET,)
    sound.CACHE_WARMING = {"SECRET": "n" * 32, "SECRET_FALLBACKS": [SECRET]}
    assert conf.secrets() == ("n" * 32, SECRET)
    assert conf.get("RELEASE") == ""


def test_a_wrong_value_is_an_error_where_it_is_used(sound):
    sound.CACHE_WARMING = {"RELEASE": 7}
    with pytest.raises(ConfigurationError, match=r"CACHE_WARMING\['RELEASE'\]: must be str, is int"):
        conf.get("RELEASE")
    with pytest.raises(UnknownNameError, match="did you mean 'RELEASE'"):
        conf.get("RELEASES")


def test_every_setting_explains_itself():
    for setting in SETTINGS.values():
        assert setting.help.endswith(".")
        assert setting.problem(setting.default) == ""
