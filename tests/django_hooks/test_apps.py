"""The application starts in projects of all kinds."""

from __future__ import annotations

import subprocess
import sys

BARE = """
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django_hooks"])
django.setup()
from django.core.management import call_command
call_command("check", fail_level="ERROR")
"""


def test_a_project_without_accounts_and_sessions_starts():
    done = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
