"""Sessions of personas for this run alone, where the site's settings are at hand.

``WARM_PERSONAS=mint`` has ``manage.py warm_personas`` make them and end them, in a process of its own: the crawler
knows no Django. They never touch a disk: the command prints them into a pipe.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from url_manifests.errors import ConfigurationError
from url_manifests.personas import Personas, parse_personas

MINT: Final = "mint"
"""The value of ``WARM_PERSONAS`` that asks for this."""
SETTINGS: Final = "DJANGO_SETTINGS_MODULE"
_LONGEST_S: Final = 60.0
_GRACE_S: Final = 300
"""How much longer than the run's deadline sessions live: the end is waited for, and clocks differ."""


def mint(run_id: str, deadline_s: float) -> Personas:
    """New sessions, marked with the run.

    Raises:
        ConfigurationError: there are no settings here, or the command failed; with its last line.
    """
    if not os.environ.get(SETTINGS):
        raise ConfigurationError(
            "WARM_PERSONAS",
            f"sessions can only be minted where the site's settings are: set {SETTINGS}, or mint them in the "
            "deployment with manage.py warm_personas -o FILE and name the file",
        )
    try:
        done = _manage("mint", "--run-id", run_id, "--ttl", str(int(deadline_s) + _GRACE_S))
        return parse_personas(done, "warm_personas")
    except BaseException:
        # Whatever went wrong after some were made: nobody will use them.
        revoke(run_id)
        raise


def revoke(run_id: str) -> str:
    """End the sessions of a run; why that failed, or nothing."""
    try:
        _manage("revoke", "--run-id", run_id)
    except ConfigurationError as error:
        return str(error)
    return ""


def _manage(*arguments: str) -> bytes:
    command: Sequence[str] = (sys.executable, "-m", "django", "warm_personas", *arguments)
    # `python -m` looks for the settings module in the current directory too, as manage.py does.
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LONGEST_S, check=False)  # noqa: S603 - our own words
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError("WARM_PERSONAS", f"warm_personas {arguments[0]}: {type(error).__name__}") from error
    if done.returncode:
        # Only what goes to stderr is shown: sessions go to stdout.
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise ConfigurationError("WARM_PERSONAS", f"warm_personas {arguments[0]} ended with {said[-1][:300]}")
    return done.stdout
