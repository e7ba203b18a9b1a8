"""The lock that crawls take at the site: for one of them, for a while, and for nobody without the secret."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest
from django.core.cache import cache
from django.test import AsyncClient, Client

from django_hooks.models import RunLock
from url_manifests.lease import LEASE_HEADER, LEASE_PATH, LeaseAnswer, LeaseClaim, LeaseState
from url_manifests.protocol import TICKET_HEADER, Purpose

from .conftest import SHARED
from .tickets import HOST, ticket, warm_headers

ONE = LeaseClaim(env="prod", token="1" * 32, host="build-1", pid=11, file="a" * 32, since_s=1_795_000_000)
TWO = dataclasses.replace(ONE, token="2" * 32, host="build-2", pid=22, file="b" * 32)


def ask(claim: LeaseClaim, purpose: Purpose = Purpose.LEASE, **options) -> LeaseAnswer:
    target = f"{LEASE_PATH}?{claim.query()}"
    response = Client().get(target, headers=warm_headers(target, purpose=purpose, **options))
    assert response.headers["Cache-Control"] == "no-store"
    return LeaseAnswer.decode(response.headers[LEASE_HEADER])


@pytest.mark.parametrize("backend", [*SHARED, "locmem", "dummy"], indirect=True)
def test_it_is_of_one_crawl(site, backend):
    assert ask(ONE).state is LeaseState.HELD
    refused = ask(TWO)
    assert (refused.state, refused.since_s, refused.ttl_s) == (LeaseState.OTHER, ONE.since_s, 60)
    assert refused.holder == "run run-1, process 11 on build-1"
    assert ask(ONE).state is LeaseState.HELD
    ask(TWO, Purpose.RELEASE)
    assert ask(TWO).state is LeaseState.OTHER
    assert ask(ONE, Purpose.RELEASE).state is LeaseState.RELEASED
    assert ask(TWO).state is LeaseState.HELD


def test_each_environment_has_its_own(site):
    assert ask(ONE).state is LeaseState.HELD
    assert ask(dataclasses.replace(TWO, env="staging")).state is LeaseState.HELD


@pytest.mark.parametrize("backend", ["db", "redis", "memcached"], indirect=True)
def test_that_of_a_dead_run_ends_by_itself_and_that_of_a_live_one_does_not(site, backend):
    site.CACHE_WARMING = {**site.CACHE_WARMING, "LOCK_TTL_S": 2}
    ask(ONE)
    for _ in range(3):
        time.sleep(1)
        assert ask(ONE).state is LeaseState.HELD
    assert ask(TWO).state is LeaseState.OTHER
    time.sleep(2.5)
    assert ask(TWO).state is LeaseState.HELD
    assert ask(ONE).state is LeaseState.OTHER


@pytest.mark.parametrize("purpose", [Purpose.LEASE, Purpose.RELEASE])
def test_a_time_that_it_cannot_last_is_named_to_the_crawl(site, purpose):
    site.CACHE_WARMING = {**site.CACHE_WARMING, "LOCK_TTL_S": 0}
    answer = ask(ONE, purpose)
    assert answer.state is LeaseState.UNUSABLE
    assert "['LOCK_TTL_S']: must be seconds above 0, is 0" in answer.detail


def test_a_run_on_the_dead_ones_machine_takes_it_over_at_once(site):
    ask(ONE)
    assert ask(dataclasses.replace(TWO, file=ONE.file)).state is LeaseState.HELD


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_a_flushed_cache_does_not_lose_it(site, backend):
    ask(ONE)
    cache.clear()
    assert ask(TWO).state is LeaseState.OTHER
    # What the loser took of the two stores, it gave back.
    assert ask(ONE).state is LeaseState.HELD


def test_without_any_store_it_says_so(site, settings, monkeypatch):
    monkeypatch.setattr(RunLock._meta, "db_table", "not_migrated")
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    found = ask(ONE)
    assert found.state is LeaseState.UNUSABLE
    assert "not seen by other machines" in found.detail


@pytest.mark.parametrize("query", ["env=prod", "env=prod&token=1&host=h&pid=1&file=&since_s=0"])
def test_a_claim_of_another_release_is_told(site, query):
    target = f"{LEASE_PATH}?{query}"
    response = Client().get(target, headers=warm_headers(target, purpose=Purpose.LEASE))
    assert LeaseAnswer.decode(response.headers[LEASE_HEADER]).state is LeaseState.UNUSABLE
    assert not RunLock.objects.exists()


def test_nobody_without_the_secret_can_hold_up_a_crawl(site):
    target = f"{LEASE_PATH}?{ONE.query()}"
    other = f"{LEASE_PATH}?{TWO.query()}"
    for value in (
        ticket(target, secret="s" * 40, purpose=Purpose.LEASE),
        ticket(target, purpose=Purpose.LEASE, lives_s=-1),
        ticket(other, purpose=Purpose.LEASE),
        ticket(target),
        ticket(target).replace(".warm.", ".lease."),
    ):
        response = Client(raise_request_exception=False).get(target, headers={"host": HOST, TICKET_HEADER: value})
        assert LEASE_HEADER not in response.headers
    assert not RunLock.objects.exists()
    assert ask(TWO).state is LeaseState.HELD


def test_it_is_not_held_back_with_warm_requests_and_grants_no_page(site, settings):
    settings.CACHE_WARMING = {**settings.CACHE_WARMING, "ADMISSION": {"in_flight": 1}}
    target = "/page/"
    response = Client().get(target, headers=warm_headers(target, purpose=Purpose.LEASE))
    assert LEASE_HEADER in response.headers
    assert response.content == b"lease\n"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_on_an_event_loop(site, backend):
    site.ALLOWED_HOSTS = ["testserver"]
    target = f"{LEASE_PATH}?{ONE.query()}"
    headers = {TICKET_HEADER: ticket(target, host="testserver", purpose=Purpose.LEASE)}
    response = asyncio.run(_get(target, headers))
    assert LeaseAnswer.decode(response.headers[LEASE_HEADER]).state is LeaseState.HELD


async def _get(target, headers):
    return await AsyncClient().get(target, headers=headers)
