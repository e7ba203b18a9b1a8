"""Makes sessions for personas, lists them, and ends them again.

A session is written by the project's own engine with what ``django.contrib.auth.login`` puts into it. ``login`` itself
is not called: it sends ``user_logged_in``, which moves ``last_login`` and makes audit logs tell of visits nobody made.

Each session is entered in a table before it is given away, so that a run that dies, on whatever host, leaves nothing
that the next run does not find. Two engines need a word. Sessions of ``signed_cookies`` exist nowhere but in the
cookie, and cannot be revoked; the engine lets each live for ``SESSION_COOKIE_AGE`` from its signature, so they are
signed as of an earlier time and end when they should. A cache of one process only cannot carry a session to the web
workers; minting says so.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends import signed_cookies
from django.contrib.sessions.backends.base import SessionBase
from django.core.signing import TimestampSigner, b62_encode
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from django_hooks import conf, stores
from django_hooks.models import PersonalEntry, PersonaSession
from url_manifests.errors import ConfigurationError, UnknownNameError
from url_manifests.personas import Personas

from .accounts import SETTING, Persona, account_of, backend_of, configured

RUN_KEY: Final = "_cache_warming_run"
"""What marks a session's data as minted here; its value is the run."""
MIN_TTL_S: Final = 60
MAX_TTL_S: Final = 24 * 3600
DEFAULT_TTL_S: Final = 3600
NOTES_RETENTION: Final = timedelta(days=30)
"""How long it is remembered which entries a persona's request stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A minted session, without what would let anybody use it."""

    role: str
    run_id: str
    created_at: datetime
    expires_at: datetime
    """Both in UTC."""

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= datetime.now(UTC)


def mint(
    *, ttl_s: int = DEFAULT_TTL_S, run_id: str = "", roles: Collection[str] = (), keeps_earlier: bool = False
) -> Personas:
    """Sessions for all configured personas, or for ``roles``; those of earlier runs are ended first.

    Every account is checked before the first session is made.

    Args:
        ttl_s: seconds until the sessions end, whatever is done with them.
        keeps_earlier: leave sessions of other runs alone as long as they live, for two runs on one site at once.

    Raises:
        ConfigurationError: a persona, the time to live or the session engine will not do.
    """
    if not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
        raise ConfigurationError("--ttl", f"must be from {MIN_TTL_S} to {MAX_TTL_S} seconds, is {ttl_s}")
    check_engine()
    with _migrated():
        signed_in = {persona.role: _login_data(persona, run_id) for persona in _chosen(roles)}
        revoke(only_expired=keeps_earlier)
        PersonalEntry.objects.filter(noted_at__lt=timezone.now() - NOTES_RETENTION).delete()
        expires_at = (timezone.now() + timedelta(seconds=ttl_s)).replace(microsecond=0)
        sessions = {role: _open_session(role, data, expires_at, ttl_s) for role, data in signed_in.items()}
    return Personas(cookie=settings.SESSION_COOKIE_NAME, expires_at=_in_utc(expires_at), sessions=sessions)


def _in_utc(moment: datetime) -> datetime:
    """A moment as the database has it, which without ``USE_TZ`` is this site's local time."""
    return (moment if timezone.is_aware(moment) else timezone.make_aware(moment)).astimezone(UTC)


def revoke(*, run_id: str = "", only_expired: bool = False) -> int:
    """End minted sessions: all, those of one run, or those whose time is over; returns how many.

    A session whose engine raises stays in the table for the next attempt, and the error is raised when all others
    are gone.
    """
    with _migrated():
        rows = PersonaSession.objects.order_by("pk")
        if run_id:
            rows = rows.filter(run_id=run_id)
        if only_expired:
            rows = rows.filter(expires_at__lte=timezone.now())
        return _end(list(rows))


def _end(rows: list[PersonaSession]) -> int:
    failed: Exception | None = None
    ended = 0
    for row in rows:
        try:
            if row.session_key:
                import_module(row.engine).SessionStore().delete(row.session_key)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything; the row stays, and the error is raised
            failed = error
            continue
        row.delete()
        ended += 1
    if failed is not None:
        problem = f"{len(rows) - ended} sessions could not be ended: {type(failed).__name__}; run revoke again"
        raise ConfigurationError("SESSION_ENGINE", problem) from failed
    return ended


def listing() -> list[Listed]:
    """The sessions that were minted and not yet ended, oldest first."""
    with _migrated():
        rows = PersonaSession.objects.order_by("pk")
        return [
            Listed(
                role=row.role,
                run_id=row.run_id,
                created_at=_in_utc(row.created_at),
                expires_at=_in_utc(row.expires_at),
            )
            for row in rows
        ]


def _chosen(roles: Collection[str]) -> Iterator[Persona]:
    personas = configured()
    if not personas:
        raise ConfigurationError(conf.setting_path(SETTING), "names no account, so there is nobody to mint for")
    for role in roles:
        if role not in personas:
            raise UnknownNameError("--role", role, personas)
    return (persona for role, persona in personas.items() if not roles or role in roles)


def _open_session(role: str, data: dict[str, Any], expires_at: datetime, ttl_s: int) -> str:
    session: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore()
    session.create()  # Empty as yet: it signs nobody in before it stands in the table.
    is_cookie = isinstance(session, signed_cookies.SessionStore)
    PersonaSession.objects.create(
        role=role,
        run_id=data[RUN_KEY],
        engine=settings.SESSION_ENGINE,
        session_key="" if is_cookie else session.session_key or "",
        expires_at=expires_at,
    )
    session.update(data)
    # A point in time, not a number of seconds: those would begin anew whenever the site saves the session.
    session.set_expiry(expires_at)
    session.save()
    if isinstance(session, signed_cookies.SessionStore):
        return _sign_as_of_earlier(session, ttl_s)
    if session.session_key is None:
        raise ConfigurationError("SESSION_ENGINE", f"{settings.SESSION_ENGINE} gave the session no key")
    return session.session_key


def _login_data(persona: Persona, run_id: str) -> dict[str, Any]:
    """What ``django.contrib.auth.login`` writes, and our mark."""
    user = account_of(persona)
    auth_hash = user.get_session_auth_hash() if hasattr(user, "get_session_auth_hash") else ""
    return {
        auth.SESSION_KEY: user._meta.pk.value_to_string(user),  # noqa: SLF001 - public by Django's docs
        auth.BACKEND_SESSION_KEY: backend_of(persona, user, settings.AUTHENTICATION_BACKENDS),
        auth.HASH_SESSION_KEY: auth_hash,
        RUN_KEY: run_id,
    }


class _EarlierSigner(TimestampSigner):
    """Signs as if ``seconds_ago``."""

    seconds_ago = 0

    def timestamp(self) -> str:
        return b62_encode(int(time.time()) - self.seconds_ago)


def _sign_as_of_earlier(session: signed_cookies.SessionStore, ttl_s: int) -> str:
    signer = _EarlierSigner(salt="django.contrib.sessions.backends.signed_cookies")
    signer.seconds_ago = max(settings.SESSION_COOKIE_AGE - ttl_s, 0)
    return signer.sign_object(dict(session.items()), serializer=session.serializer, compress=True)


def check_engine() -> None:
    """Raise `ConfigurationError` for an engine whose sessions the web workers would not see."""
    # The engines on a cache name its alias by SESSION_CACHE_ALIAS; cached_db has the database behind it.
    alias = settings.SESSION_CACHE_ALIAS
    if settings.SESSION_ENGINE == "django.contrib.sessions.backends.cache" and alias in stores.private_aliases():
        raise ConfigurationError(
            "SESSION_ENGINE", f"the cache {alias!r} belongs to one process, so no worker would know the sessions"
        )


@contextmanager
def _migrated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        problem = f"{type(error).__name__}: the database does not answer, or its tables are missing: run migrate"
        raise ConfigurationError("DATABASES", problem) from error
