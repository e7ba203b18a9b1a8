"""What makes warming useless or dangerous in a site's settings is said, with an id; sound settings are left alone."""

from __future__ import annotations

import pytest
import redis
from django.core.checks import run_checks

from django_hooks import client_timeouts
from django_hooks.deployment_checks import check_deployment, csrf_in_bases
from django_hooks.safety_checks import check_site
from django_hooks.warmers import register, registry

CORE = "django.core.cache.backends."
REDIS, DJANGO_REDIS = f"{CORE}redis.RedisCache", "django_redis.cache.RedisCache"
MEMCACHED = f"{CORE}memcached.PyMemcacheCache"
LOWER, UPPER = ["socket_timeout", "socket_connect_timeout"], ["SOCKET_TIMEOUT", "SOCKET_CONNECT_TIMEOUT"]
IN_URL = "redis://h?socket_timeout=1&socket_connect_timeout=2"
OLD_REDIS = {"socket_timeout": None, "socket_connect_timeout": None}


@pytest.fixture(autouse=True)
def _no_warmers(monkeypatch):
    """Not the example's, whose templates most tests do not have."""
    registry.discover()  # Or a module that is imported for the first time within the test would register here.
    monkeypatch.setattr(registry, "_warmers", {})
    monkeypatch.setattr(registry, "broken", {})
    monkeypatch.setattr(registry, "_is_discovered", True)


@pytest.fixture
def old_redis(monkeypatch):
    """A client that waits for ever, as before redis-py 8."""
    monkeypatch.setattr(client_timeouts, "_redis_default", OLD_REDIS.get)


@pytest.mark.parametrize(
    ("backend", "options", "location", "lacks"),
    [
        (MEMCACHED, {}, "h:1", ["timeout", "connect_timeout"]),
        (MEMCACHED, {"timeout": 1}, "h:1", ["connect_timeout"]),
        (MEMCACHED, {"timeout": 1, "connect_timeout": 1}, "h:1", []),
        (REDIS, {}, "redis://h", LOWER),
        (REDIS, {"socket_timeout": 1, "socket_connect_timeout": 1}, "redis://h", []),
        (REDIS, {"SOCKET_TIMEOUT": 1, "SOCKET_CONNECT_TIMEOUT": 1}, "redis://h", LOWER),
        (DJANGO_REDIS, {}, "redis://h", UPPER),
        (DJANGO_REDIS, {"SOCKET_TIMEOUT": 1, "SOCKET_CONNECT_TIMEOUT": 1}, "redis://h", []),
        (REDIS, {}, IN_URL, []),
        (REDIS, {}, [IN_URL, "redis://i"], LOWER),
        (f"{CORE}db.DatabaseCache", {}, "t", []),
        ("nowhere.Cache", {}, "", []),
    ],
)  # fmt: skip
def test_clients_that_wait_for_ever_are_named(settings, old_redis, backend, options, location, lacks):
    settings.CACHES = {"default": {"BACKEND": backend, "OPTIONS": options, "LOCATION": location}}
    assert client_timeouts.missing() == ({"default": lacks} if lacks else {})
    assert [message.id for message in check_site()] == ["cache_warming.W030"] * bool(lacks)


def test_the_installed_redis_client_is_asked(settings):
    """redis-py 8 gives up by itself; one that did not would be named."""
    settings.CACHES = {"default": {"BACKEND": REDIS, "LOCATION": "redis://h"}}
    assert bool(client_timeouts.missing()) is (int(redis.__version__.partition(".")[0]) < 8)


def templates(settings, **files: str) -> None:
    loader = ("django.template.loaders.locmem.Loader", {f"{name}.html": text for name, text in files.items()})
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [loader]}}
    ]


CHILD = "{% extends 'base.html' %}{% block body %}x{% endblock %}"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"base": "{% block body %}{% endblock %}{% csrf_token %}", "child": CHILD}, {"base.html"}),
        ({"base": "{% if user %}{% csrf_token %}{% endif %}", "child": CHILD}, {"base.html"}),
        ({"base": "{% include 'menu.html' %}", "menu": "{% csrf_token %}", "child": CHILD}, {"base.html"}),
        ({"base": "{% include 'a.html' %}", "a": "{% include 'a.html' %}", "child": CHILD}, set()),
        ({"base": "x", "child": CHILD, "form": "{% csrf_token %}"}, set()),
        ({"base": "x", "child": CHILD + "{% csrf_token %}"}, set()),
        ({"base": "{% broken", "child": CHILD}, set()),
        ({"child": "{% extends name %}", "other": "{% include name %}"}, set()),
    ],
)
def test_a_csrf_token_in_a_base_template_is_found(settings, files, found):
    templates(settings, **files)
    assert csrf_in_bases() == found
    settings.CACHE_WARMING, settings.DEBUG = {}, False
    assert [message.id for message in check_deployment()] == ["cache_warming.W033"] * bool(found)


@pytest.mark.parametrize(
    ("configured", "cache", "is_found"),
    [
        ({"RELEASE": "v7"}, {}, True),
        ({"RELEASE": "v7"}, {"KEY_PREFIX": "v7"}, False),
        ({"RELEASE": "v7"}, {"VERSION": 7}, False),
        ({"RELEASE": "v7"}, {"BACKEND": f"{CORE}locmem.LocMemCache"}, False),
        ({}, {}, False),
    ],
)
def test_releases_that_share_keys_are_found(settings, configured, cache, is_found):
    templates(settings)
    settings.CACHE_WARMING, settings.DEBUG = configured, False
    settings.CACHES = {"default": {"BACKEND": REDIS, "LOCATION": "redis://h", **cache}}
    assert [message.id for message in check_deployment()] == ["cache_warming.W034"] * is_found


def test_they_are_made_for_a_deployment_only(settings):
    settings.DEBUG = True
    ids = {message.id for message in run_checks(tags=["caches"], include_deployment_checks=True)}
    assert "cache_warming.W035" in ids
    assert "cache_warming.W035" not in {message.id for message in run_checks(tags=["caches"])}


def missing():
    return [(m.id[-4:], m.msg) for m in check_deployment() if m.id[-4:] in ("W036", "W037")]


def test_what_a_strategy_names_and_nobody_has_is_found(own, settings):
    settings.TEMPLATES = []
    assert missing() == []
    strategies = {
        "a": {"only": ["numbers", "fragmnets"]},
        "b": {"budgets": {"rwos": {"keys": 1}}},
        "c": {"only": ["rows"]},
    }
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "STRATEGIES": strategies}
    assert missing() == [
        ("W036", "CACHE_WARMING['STRATEGIES']['a']['only']: 'fragmnets' is unknown; did you mean 'fragments'?."),
        ("W036", "CACHE_WARMING['STRATEGIES']['b']['budgets']: 'rwos' is unknown; did you mean 'rows'?."),
    ]
    own.broken["shop.warmers"] = "ImportError"
    assert missing() == []


def test_a_dependency_that_nobody_is_is_said_once(own, settings):
    settings.TEMPLATES = []
    register("late", depends_on=["nmubers"])(list)
    assert missing() == [("W036", "late.depends_on: 'nmubers' is unknown; did you mean 'numbers'?.")]


def test_a_fragment_that_is_not_there_is_found(own, settings):
    templates(settings, base="{% load cache %}{% cache 1 menu %}{% endcache %}")
    names = [("base.html", "menu"), ("base.html", "meno"), ("nowhere.html", "menu")]
    fragments = [{"template": template, "fragment": fragment} for template, fragment in names]
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "FRAGMENTS": fragments}
    first, second = missing()
    assert first[0] == second[0] == "W037"
    assert "base.html:meno cannot be rendered" in first[1]
    assert "did you mean 'menu'?" in first[1]
    assert "nowhere.html:menu cannot be rendered: TemplateDoesNotExist" in second[1]
