"""What has to happen inside the site's own settings.

``python -m tests.matrix.site setup`` makes its tables, an account and two sessions of it, and prints their keys;
``python -m tests.matrix.site client HOST PATH…`` asks for pages through Django's in-process test client;
``python -m tests.matrix.site forget KEY…`` deletes keys of the default cache;
``python -m tests.matrix.site check FILE`` cross-checks an outcome file.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.matrix.site.settings"


def setup() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    account = User.objects.create_user("reader")
    print(_session_of(account), _session_of(account))


def _session_of(account: object) -> str:
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(account.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = account.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def ask_in_process(host: str, *paths: str) -> None:
    from django.test import Client

    for path in paths:
        response = Client().get(path, headers={"host": host})
        assert response.status_code == 200, path


def forget(*keys: str) -> None:
    from django.core.cache import cache

    cache.delete_many(keys)


def check(path: str) -> None:
    """Cross-check an outcome file, and print what was found."""
    from django_hooks.crosscheck import Tally, cross_check
    from django_hooks.visitor_keys import VisitorKeys
    from url_manifests.outcomes import OutcomeReader

    reader, tally = OutcomeReader(path), Tally()
    for _ in cross_check(reader, tally, VisitorKeys(reader.run)):
        pass
    print(json.dumps(tally.document()))


if __name__ == "__main__":
    django.setup()
    {"setup": setup, "client": ask_in_process, "forget": forget, "check": check}[sys.argv[1]](*sys.argv[2:])
