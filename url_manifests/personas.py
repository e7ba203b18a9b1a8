"""The personas file: short-lived sessions of existing accounts, minted by the site and used by the crawler.

::

    {"format": "warming-personas", "version": 1, "cookie": "sessionid", "expires_at": "2026-11-22T21:00:00+00:00",
     "personas": {"trade": {"session": "…"}}}

Whoever holds a session is signed in: the file is readable by its owner only, no ``repr`` and no error message shows a
session, and nothing here logs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final

from .errors import ConfigurationError, FileFormatError, UnsupportedVersionError
from .jsonl import FieldReader, replacing

FORMAT: Final = "warming-personas"
VERSION: Final = 1
MAX_FILE_BYTES: Final = 1 << 20
MAX_SESSION_CHARS: Final = 4096
"""What browsers take for one cookie; signed-cookie sessions are the long ones."""
MODE: Final = 0o600

ROLE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
COOKIE_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", re.ASCII)
COOKIE_VALUE: Final = re.compile(r"[!#-+\--:<-\[\]-~]+", re.ASCII)
"""RFC 6265: no space, quote, comma, semicolon or backslash, so that a value cannot add a second cookie or a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Personas:
    """The sessions of one run."""

    cookie: str
    """Name of the session cookie."""
    expires_at: datetime
    """When the first of them ends; aware."""
    sessions: Mapping[str, str] = field(repr=False)
    """Role → value of the session cookie."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles, in the order in which the site names them."""
        return tuple(self.sessions)

    def has_expired(self, now: datetime | None = None) -> bool:
        """Whether the first session has ended; what is asked with it then is asked as anonymous."""
        return (now or datetime.now(UTC)) >= self.expires_at

    def cookie_header(self, role: str) -> str:
        """The value of the ``Cookie`` header that makes a request one of ``role``. Never log it."""
        return f"{self.cookie}={self.sessions[role]}"


def personas_document(personas: Personas) -> dict[str, Any]:
    """The file's content as plain data. It holds sessions."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "cookie": personas.cookie,
        "expires_at": personas.expires_at.astimezone(UTC).isoformat(),
        "personas": {role: {"session": session} for role, session in personas.sessions.items()},
    }


def dump_personas(personas: Personas) -> str:
    """The file's content on one line, as a pipeline's secret store takes it."""
    return json.dumps(personas_document(personas))


def write_personas(path: str | PathLike[str], personas: Personas) -> None:
    """Write the file, whole or not at all, for its owner only (0600 from its first byte on).

    Raises:
        ConfigurationError: it cannot be written there.
    """
    try:
        with replacing(path, MODE) as temporary:
            temporary.write_text(dump_personas(personas) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(str(path), f"cannot be written: {error.strerror}") from error


def read_personas(path: str | PathLike[str]) -> Personas:
    """The sessions in a file.

    Raises:
        FileFormatError: it is missing or malformed; names the field, never a session.
        UnsupportedVersionError: a newer release wrote it.
    """
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FileFormatError(path, f"cannot be read: {error.strerror}") from error
    return parse_personas(raw, path)


def parse_personas(raw: bytes, source: str | PathLike[str]) -> Personas:
    """As `read_personas`, from bytes; ``source`` is the file or variable to complain about."""
    if len(raw) > MAX_FILE_BYTES:
        raise FileFormatError(source, f"longer than {MAX_FILE_BYTES} bytes")
    reader = FieldReader(source, 1, raw)
    if reader.text("format") != FORMAT:
        raise reader.error("format", f"must be {FORMAT!r}")
    if (version := reader.integer("version", minimum=1)) > VERSION:
        raise UnsupportedVersionError(source, version, VERSION)
    cookie = reader.text("cookie")
    if not COOKIE_NAME.fullmatch(cookie):
        raise reader.error("cookie", "must be the name of a cookie")
    expires_at = reader.timestamp("expires_at")
    if expires_at is None:
        raise reader.error("expires_at", "is missing")
    personas = Personas(cookie=cookie, expires_at=expires_at, sessions=_read_sessions(reader))
    reader.finish()
    return personas


def _read_sessions(reader: FieldReader) -> dict[str, str]:
    sessions = {}
    listed = reader.mapping("personas")
    for number, role in enumerate(listed):
        # A role is named by its number until it has shown to be one: a session may have got in its place.
        if not ROLE.fullmatch(role):
            raise reader.error(f"personas[{number}]", "a role is 1 to 64 letters, digits, '_' or '-'")
        if not isinstance(listed[role], Mapping) or set(listed[role]) != {"session"}:
            raise reader.error(f"personas.{role}", "must be an object that holds 'session' alone")
        session = listed[role]["session"]
        if not isinstance(session, str) or len(session) > MAX_SESSION_CHARS or not COOKIE_VALUE.fullmatch(session):
            raise reader.error(f"personas.{role}.session", "is not the value of a cookie")
        sessions[role] = session
    return sessions
