"""What is different about a database cache on MariaDB and MySQL: packets, and keys that it takes for one."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connections

from tests import servers
from url_manifests.outcomes import Result

from .conftest import OTHER, elsewhere, run

mariadb = pytest.mark.parametrize("anywhere", ["mariadb"], indirect=True)


@pytest.fixture
def small_packets(tmp_path, settings, django_db_blocker):
    """The default cache on a server that takes one megabyte at a time."""
    with (
        servers.mariadb(tmp_path, "--max-allowed-packet=1M") as server,
        elsewhere("mariadb", server, settings, django_db_blocker),
    ):
        yield


def test_what_is_larger_than_a_packet_costs_itself_and_nothing_else(small_packets):
    sizes = (10, 400_000, 400_000, 3_000_000, 700_000, 10)
    values = {f"size:{number}": "x" * size for number, size in enumerate(sizes)}
    assert run(values)[0] == {(Result.STORED, ""): 5, (Result.FAILED, "value-too-large"): 1}
    assert cache.get_many(values).keys() == values.keys() - {"size:3"}


@mariadb
def test_of_keys_that_differ_in_case_alone_the_second_is_not_reported_as_stored(anywhere):
    cache.set("Key", "a visitor's", 500)
    assert run({"key": 2, "other": 3})[0] == {(Result.STORED, ""): 1, (Result.NOT_STORED, "refused-by-backend"): 1}
    assert cache.get_many(["Key", "key"]) == {"Key": "a visitor's"}


@mariadb
def test_a_connection_that_the_server_has_closed_is_opened_anew(anywhere):
    with connections[OTHER].cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        (number,) = cursor.fetchone()
    another = connections[OTHER].copy()
    with another.cursor() as cursor:
        cursor.execute(f"KILL {number}")
    another.close()
    assert run(dict.fromkeys(map(str, range(100)), 1))[0] == {(Result.STORED, ""): 100}
