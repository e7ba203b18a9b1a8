"""One word stops all runs: through the cache, or through a file when the cache is down."""

from __future__ import annotations

import time

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_hooks import killswitch
from django_hooks.killswitch import BY_HAND, STOP_KEY, StopSwitch, allow_runs, stop_requested, stop_runs
from url_manifests.errors import ConfigurationError

from .conftest import SHARED
from .tickets import SECRET

DEAD = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}}


@pytest.mark.parametrize("backend", SHARED, indirect=True)
def test_a_stop_is_heard_until_it_is_taken_back(site, backend):
    assert stop_requested() == ""
    stop_runs("the database\nis melting")
    assert stop_requested() == "the database is melting"
    allow_runs()
    assert stop_requested() == ""


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_a_stop_goes_by_itself(site, backend):
    stop_runs(lasts_s=1)
    time.sleep(1.1)
    assert stop_requested() == ""


@pytest.mark.parametrize("backend", ["locmem", "dummy"], indirect=True)
def test_a_cache_that_nobody_else_sees_is_not_enough(site, backend):
    with pytest.raises(ConfigurationError, match=r"STOP_FILE.*name a file"):
        stop_runs()


def test_nor_is_a_dead_one_but_a_file_is(site, tmp_path):
    path = tmp_path / "stop"
    with override_settings(CACHES=DEAD):
        with pytest.raises(ConfigurationError, match="STOP_FILE"):
            stop_runs()
        site.CACHE_WARMING = {"SECRET": SECRET, "STOP_FILE": str(path)}
        stop_runs("why", lasts_s=60)
        assert stop_requested() == "why"
        path.write_text("1000 over long ago")
        assert stop_requested() == ""


@pytest.mark.parametrize(
    ("content", "expected"),
    [("", BY_HAND), ("\n", BY_HAND), ("not today", "not today"), ("9999999999", BY_HAND)],
)
def test_a_file_made_by_hand_holds_until_it_is_removed(site, tmp_path, content, expected):
    path = tmp_path / "stop"
    site.CACHE_WARMING = {"SECRET": SECRET, "STOP_FILE": str(path)}
    path.write_text(content)
    assert stop_requested() == expected
    path.unlink()
    assert stop_requested() == ""


def test_a_file_that_cannot_be_read_stops_too(site, tmp_path):
    site.CACHE_WARMING = {"SECRET": SECRET, "STOP_FILE": str(tmp_path)}
    assert stop_requested() == BY_HAND


def test_a_file_of_bytes_that_are_no_text_stops_too(site, tmp_path):
    path = tmp_path / "stop"
    site.CACHE_WARMING = {"SECRET": SECRET, "STOP_FILE": str(path)}
    path.write_bytes(b"\xff\x00\x1b[31m")
    assert stop_requested().isprintable()
    assert stop_requested() != ""


def test_it_is_looked_up_twice_a_second(site):
    now_s = [0.0]
    switch = StopSwitch(lambda: now_s[0])
    assert switch.requested() == ""
    caches["default"].set(STOP_KEY, "x")
    assert switch.requested() == ""
    now_s[0] += killswitch.LOOK_EVERY_S
    assert switch.requested() == "x"


def test_a_cache_that_hangs_is_not_asked_again_and_again(site, tmp_path, monkeypatch):
    now_s, asked = [0.0], []

    def hang():
        asked.append(now_s[0])
        now_s[0] += 1.0
        return ""

    monkeypatch.setattr(killswitch, "_in_cache", hang)
    switch = StopSwitch(lambda: now_s[0])
    while now_s[0] < 60:
        assert switch.requested() == ""
        now_s[0] += 0.1
    assert 5 <= len(asked) <= 7
    with override_settings(CACHE_WARMING={"SECRET": SECRET, "STOP_FILE": str(tmp_path / "stop")}):
        (tmp_path / "stop").touch()
        now_s[0] += killswitch.LOOK_EVERY_S
        assert switch.requested() == BY_HAND


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_the_command_sets_it_obeys_it_and_takes_it_back(site, backend, capsys):
    call_command("warm_cache", "--stop", "the database is melting")
    assert capsys.readouterr().out == "all runs are to stop, and none begins for 5 minutes; --allow takes it back\n"
    with pytest.raises(CommandError, match="the kill switch is on: the database is melting") as stopped:
        call_command("warm_cache", progress="none")
    assert stopped.value.returncode == 5
    call_command("warm_cache", "--allow")
    assert capsys.readouterr().out.endswith("\nruns may begin again\n")
    assert stop_requested() == ""
    call_command("warm_cache", progress="none", require_coverage=0)
