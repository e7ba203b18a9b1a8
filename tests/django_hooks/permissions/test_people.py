"""A project with users of its own, whose keys are UUIDs: in a process of its own, for users are chosen once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "people"


def test_users_with_uuids_and_proxies():
    command = [sys.executable, "-m", "pytest", "-q", "--ds=tests.django_hooks.permissions.people.settings"]
    done = subprocess.run(
        [*command, str(HERE / "refusing.py")], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
