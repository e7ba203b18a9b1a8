"""Run as a process on PostgreSQL: the database ends the connection in the middle; prints how each entry ended."""

from __future__ import annotations

import json
import sys
from collections import Counter

import django
import psycopg

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from django_hooks.engine import Engine, RunOptions  # noqa: E402
from django_hooks.warmers import RowsWarmer, streaming  # noqa: E402
from example.orders.models import PostalArea  # noqa: E402

streaming.CHUNK = 100


def terminate():
    database = settings.DATABASES["default"]
    place = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"], "dbname": database["NAME"]}
    with psycopg.connect(**place, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])


class Areas(RowsWarmer):
    category = "rows"
    key_fields = ("country", "code")

    def queryset(self):
        return PostalArea.objects.order_by("pk")

    def key(self, country, code):
        return f"{self.name}:{country}-{code}"


class CutWhileListed(Areas):
    name = "cut-while-listed"

    def entries(self):
        for number, entry in enumerate(super().entries()):
            if number == 99:
                terminate()
            yield entry


class CutWhileComputed(Areas):
    name = "cut-while-computed"
    is_cut = False

    def compute_many(self, entries):
        if not self.is_cut:
            type(self).is_cut = True
            terminate()
        return super().compute_many(entries)


class Sound(Areas):
    name = "sound"


ended = Counter()
for outcome in Engine(RunOptions()).run([CutWhileListed(), CutWhileComputed(), Sound()]):
    ended[f"{outcome.url.partition(':')[0]} {outcome.result} {outcome.reason}".strip()] += 1
    if outcome.reason:
        ended[outcome.detail] += 1
sys.stdout.write(json.dumps(ended))
