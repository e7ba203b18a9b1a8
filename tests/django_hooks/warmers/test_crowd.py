"""A site with many customers is warmed; their next requests, by the real path, query nothing of what was warmed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks import crowd
from benchmarks.crowd_visits import ACCOUNT, DASHBOARD

SIZE = crowd.Size(users=600, grants=600, rows=1_200, sessions=300)
"""The whole size, 100,000 users, is measured by ``python -m benchmarks.crowd``."""


@pytest.fixture(scope="module")
def sites(postgres_server, tmp_path_factory):
    with crowd.sites(tmp_path_factory.mktemp("crowd"), SIZE, postgres_server.url) as envs:
        yield envs


@pytest.mark.parametrize("cache", ["redis", "memcached", "db"])
def test_the_next_requests_query_nothing_that_was_warmed(sites, cache, tmp_path):
    cold = crowd.visits(sites[cache], 30)
    unasked = {place for place, statements in crowd.asked(cold).items() if not statements}
    # A customer's first page leaves these for their second.
    assert unasked <= {(DASHBOARD, table) for table in ("django_session", "content_shopsettings", "catalogue_category")}

    report, _ = crowd.warm(sites[cache], tmp_path)
    assert (report["outcome"], report["planned"]) == ("ok", report["stored"] + report["already_warm"])
    assert report["planned"] >= SIZE.users * 4 + SIZE.sessions

    hot = crowd.visits(sites[cache], 100)
    assert crowd.asked(hot) == dict.fromkeys(crowd.asked(hot), 0)
    assert hot[ACCOUNT]["status 200"] == 100
    assert hot[DASHBOARD]["status 200"] > 0
    assert hot[DASHBOARD]["status 403"] > 0
    assert hot[DASHBOARD].keys() - {"auth_user", "status 200", "status 403"} == set()


def test_a_database_that_ends_the_connection_costs_what_was_under_way_and_no_more(sites):
    command = [sys.executable, "-m", "tests.django_hooks.warmers.terminated"]
    done = subprocess.run(command, env={**os.environ, **sites["redis"]}, capture_output=True, text=True, check=False)
    ended = json.loads(done.stdout)
    areas = ended["sound stored"]
    assert areas > 500
    # The next page of a list is lost with the connection, which is one finding; what was listed is written.
    assert ended.pop("cut-while-listed stored") == 100
    (detail,) = [text for text in ended if text.startswith("OperationalError: ")]
    assert ended.pop(detail) == 1
    assert ended == {
        "cut-while-listed failed compute-failed": 1,
        "cut-while-computed stored": areas,
        "sound stored": areas,
    }
