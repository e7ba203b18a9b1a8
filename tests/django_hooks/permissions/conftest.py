from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.test.utils import CaptureQueriesContext

from django_hooks.permissions import changes, failures

PATH = "django_hooks.auth.CachedPermissionsBackend"


@pytest.fixture(autouse=True)
def _own_state():
    """What this process remembers of its connections and failures is each test's own."""
    changes._writers.clear()
    changes._unreplaced.clear()
    changes._next_attempt_s = 0.0
    failures.counted.clear()
    failures._said_at_s.clear()
    yield
    changes._writers.clear()
    changes._unreplaced.clear()


@pytest.fixture
def cached(settings, backend, transactional_db):
    """The backend in place of Django's, on the cache that the test is parametrised with; commits are real ones."""
    settings.AUTHENTICATION_BACKENDS = [PATH]
    return backend


@pytest.fixture(scope="module")
def postgresql(postgres_server, django_db_setup, django_db_blocker):
    """The default database is PostgreSQL, with this project's tables, for all threads."""
    held = connections[DEFAULT_DB_ALIAS]
    before = connections.settings[DEFAULT_DB_ALIAS]
    with django_db_blocker.unblock():
        connections.settings[DEFAULT_DB_ALIAS] = {
            **held.settings_dict,
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": postgres_server.host,
            "PORT": str(postgres_server.port),
            "OPTIONS": {},
        }
        del connections[DEFAULT_DB_ALIAS]
        try:
            with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            ContentType.objects.clear_cache()
            call_command("migrate", verbosity=0)
            yield
        finally:
            with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            ContentType.objects.clear_cache()
            connections[DEFAULT_DB_ALIAS].close()
            connections.settings[DEFAULT_DB_ALIAS] = before
            connections[DEFAULT_DB_ALIAS] = held


@pytest.fixture
def on_postgresql(request, postgresql, settings, configure):
    """As ``cached``, on PostgreSQL; the cache's name is the parameter."""
    name = getattr(request, "param", "django-redis")
    settings.CACHES = {"default": {**configure(name), "KEY_PREFIX": f"p{id(request)}"}}
    if name == "db":
        call_command("createcachetable", verbosity=0)
    settings.AUTHENTICATION_BACKENDS = [PATH]
    caches["default"].clear()
    yield name
    User.objects.all().delete()
    Group.objects.all().delete()
    caches["default"].clear()
    caches.close_all()


def permission(name):
    label, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=label, codename=codename)


def fresh(user):
    """The user as the next request has it: loaded anew, with nothing kept on the object."""
    return User.objects.get(pk=user.pk)


def may(user, name):
    return fresh(user).has_perm(name)


@contextmanager
def queries_of_permissions():
    """The queries within the block that ask for permissions."""
    asked: list[str] = []
    with CaptureQueriesContext(connections[DEFAULT_DB_ALIAS]) as context:
        yield asked
    asked += [query["sql"] for query in context.captured_queries if "auth_permission" in query["sql"]]
