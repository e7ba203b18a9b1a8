"""Sessions of personas for a run: from a file that nobody else can read, and only while they last."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

from url_manifests.errors import ConfigurationError
from url_manifests.personas import Personas, read_personas


def load_personas(path: Path, now: datetime | None = None) -> Personas:
    """The personas in a file.

    Raises:
        ConfigurationError: others can read the file, or its sessions have ended.
        FileFormatError: it is missing or malformed; names the field, never a session.
    """
    personas = read_personas(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError("WARM_PERSONAS", f"{path} can be read by others than its owner; chmod 600 {path}")
    if personas.has_expired(now or datetime.now(UTC)):
        raise ConfigurationError(
            "WARM_PERSONAS",
            f"the sessions in {path} ended at {personas.expires_at:%Y-%m-%d %H:%M} UTC; mint new ones with manage.py "
            "warm_personas",
        )
    return personas
