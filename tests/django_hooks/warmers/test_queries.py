"""What query caches keep is warmed by running it, in a process in which the real ones have patched the ORM."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from url_manifests.outcomes import Result

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def warm_cache(seeded_database, redis_server, tmp_path):
    """Run ``warm_cache --only NAME`` under a query cache, and give each result's count and the reasons."""
    database = shutil.copy(seeded_database, tmp_path / "shop.sqlite3")

    def run(query_cache, name):
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.django_hooks.warmers.query_cache.settings",
            "EXAMPLE_DB": str(database),
            "EXAMPLE_CACHE": "db",
            "WARM_SECRET": "x" * 40,
            "QUERY_CACHE": query_cache,
            "QUERY_CACHE_URL": f"redis://{urlsplit(redis_server.url).netloc}/4",
        }
        report = tmp_path / "report.json"
        command = [sys.executable, "-m", "django", "warm_cache", "--only", name, "--report", str(report)]
        subprocess.run(command, env=env, cwd=ROOT, capture_output=True, check=False, timeout=60)
        document = json.loads(report.read_text())
        counts = {result: document[result] for result in map(str, Result) if document[result]}
        return counts, set(document["reasons"])

    return run


@pytest.mark.parametrize("query_cache", ["cachalot", "cacheops"])
def test_queries_are_warm_once_they_have_run(warm_cache, query_cache):
    assert warm_cache(query_cache, "menu") == ({"stored": 3, "failed": 1}, {"compute-failed"})
    assert warm_cache(query_cache, "menu") == ({"already_warm": 3, "failed": 1}, {"compute-failed"})


def test_without_a_query_cache_nothing_is_called_warm(warm_cache):
    assert warm_cache("", "menu") == ({"not_stored": 3, "failed": 1}, {"compute-failed", "query-not-cached"})


def test_a_query_that_the_cache_leaves_alone_is_said(warm_cache):
    assert warm_cache("cacheops", "random") == ({"not_stored": 1}, {"query-not-cached"})
