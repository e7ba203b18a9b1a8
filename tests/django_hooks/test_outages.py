"""Which errors may pass, told without loading the clients that raise them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.db import InterfaceError, OperationalError
from django.utils.module_loading import import_string
from django_redis.exceptions import ConnectionInterrupted
from redis import exceptions as redis_errors

from django_hooks.outages import LASTING_NAMES, PASSING_NAMES, is_passing


def wrapped(cause):
    error = ConnectionInterrupted(connection=None)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("name", sorted(PASSING_NAMES | LASTING_NAMES))
def test_each_name_is_that_of_an_exception(name):
    if name.startswith("pylibmc."):
        pytest.importorskip("pylibmc", reason="pylibmc needs libmemcached, and has no wheels for newer Pythons")
    assert issubclass(import_string(name), Exception)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (redis_errors.BusyLoadingError("loading"), True),
        (redis_errors.TimeoutError(), True),
        (redis_errors.ReadOnlyError(), True),
        (redis_errors.AuthenticationError(), False),
        (redis_errors.MaxConnectionsError(), False),
        (redis_errors.OutOfMemoryError(), False),
        (wrapped(redis_errors.ConnectionError()), True),
        (wrapped(redis_errors.AuthenticationError()), False),
        (wrapped(None), False),
        (BrokenPipeError(), True),
        (TimeoutError(), True),
        (InterfaceError(), True),
        (OperationalError("server closed the connection unexpectedly"), True),
        (OperationalError("no such table: cache"), False),
        (ValueError(), False),
    ],
    ids=repr,
)
def test_which_may_pass(error, expected):
    assert is_passing(error) is expected


def test_a_site_does_not_load_clients_that_it_does_not_use():
    clients = "{'redis', 'pymemcache'} & {*sys.modules}"
    code = f"import django, sys; django.setup(); import django_hooks.middleware; print({clients})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_error_may_be_its_own_cause():
    one, other = ValueError(), ConnectionError()
    one.__cause__ = one
    assert not is_passing(one)
    one.__cause__ = other
    other.__cause__ = one
    assert is_passing(one)
