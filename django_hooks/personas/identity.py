"""Who a ticketed request comes from, found out without the request noticing.

Asking ``request.user`` would mark the session as accessed, which adds ``Vary: Cookie`` and so changes the very key that
is to be warmed. So the session cookie is looked up in a session object of its own, before the request is handed on; and
what the site's code has made of ``request.user`` is looked at afterwards, without evaluating it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject, empty

from .accounts import refusal
from .directory import Directory

UNKNOWN: Final = "?"
"""The role of an account that is no persona."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One request's account."""

    role: str = ""
    """A role of the settings, `UNKNOWN`, or empty for an anonymous visitor."""
    refusal: str = ""
    """Why no warm request may be made as this account: ``superuser``, ``staff`` or ``unreadable``."""
    user: Any = None


ANONYMOUS: Final = Identity()


def by_session(request: HttpRequest, directory: Directory, errors: Counter[str]) -> Identity:
    """Whom the request's session cookie signs in. Blocks on the session store: not for an event loop.

    A store that raises makes the request one that may not go on: it cannot be told to be no superuser's.
    """
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not cookie or not (apps.is_installed("django.contrib.auth") and apps.is_installed("django.contrib.sessions")):
        return ANONYMOUS
    probe = HttpRequest()
    probe.session = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    try:
        return _identity(auth.get_user(probe), directory)
    except Exception as error:  # noqa: BLE001 - a session engine may raise anything; counted, and the request refused
        errors[type(error).__name__] += 1
        return Identity(role=UNKNOWN, refusal="unreadable")


def after_response(request: HttpRequest, before: Identity, directory: Directory) -> Identity:
    """Whom the site's own code took the request for, where it asked: by a token, or a header of its proxy."""
    user = _evaluated_user(request)
    if user is None or not user.is_authenticated or user == before.user:
        return before
    return _identity(user, directory)


def _evaluated_user(request: HttpRequest) -> Any:
    for name in ("_cached_user", "_acached_user"):
        if (user := getattr(request, name, None)) is not None and user.is_authenticated:
            return user
    user = vars(request).get("user")
    if isinstance(user, SimpleLazyObject):
        wrapped = vars(user).get("_wrapped")
        return None if wrapped is empty else wrapped
    return user


def _identity(user: Any, directory: Directory) -> Identity:
    if not user.is_authenticated:
        return ANONYMOUS
    persona = directory.persona_of(user)
    return Identity(
        role=persona.role if persona else UNKNOWN,
        refusal=refusal(user, persona),
        user=user,
    )
