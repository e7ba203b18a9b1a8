"""Signed-in customers ask for pages by the real request path; prints, as JSON, which tables were queried for them.

``python -m benchmarks.crowd_visits COUNT``, with the environment of a site that was seeded by ``seed_crowd``.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.test import Client

ACCOUNT, DASHBOARD = "/en/account/", "/en/dashboard/"
_TABLE = re.compile(r'(?:FROM|JOIN|INTO|UPDATE) "(\w+)"')


def main(count: int) -> None:
    """Visit with so many of the sessions; every process starts with empty per-process caches."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.crowd_settings")
    django.setup()
    from django.contrib.contenttypes.models import ContentType  # noqa: PLC0415 - models come after setup
    from django.contrib.sessions.models import Session  # noqa: PLC0415 - as above

    keys = list(Session.objects.order_by("expire_date").values_list("session_key", flat=True))
    pages: dict[str, Counter[str]] = {ACCOUNT: Counter(), DASHBOARD: Counter()}
    for key in random.Random(7).sample(keys, count):
        ContentType.objects.clear_cache()
        for path, tables in pages.items():
            tables[f"status {_visit(key, path, tables)}"] += 1
    print(json.dumps(pages))


def _visit(key: str, path: str, tables: Counter[str]) -> int:
    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        tables.update({table for table in _TABLE.findall(sql) if table != "cache_entries"})
        return execute(sql, params, many, context)

    client = Client(SERVER_NAME="localhost")
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    with connection.execute_wrapper(note):
        return client.get(path).status_code


if __name__ == "__main__":
    main(int(sys.argv[1]))
