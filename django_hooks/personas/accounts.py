"""Who may be a persona: ordinary accounts that exist; staff by an explicit word; superusers never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model, load_backend
from django.contrib.auth.base_user import AbstractBaseUser

from django_hooks import conf
from url_manifests.errors import ConfigurationError, UnknownNameError
from url_manifests.personas import ROLE

SETTING: Final = "PERSONAS"
_KEYS: Final = ("backend", "markers", "staff", "username")


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One role of ``CACHE_WARMING["PERSONAS"]``."""

    role: str
    username: str
    """Natural key of the account: what its model's ``USERNAME_FIELD`` holds."""
    is_staff_permitted: bool = False
    markers: tuple[str, ...] = ()
    """Texts that this account alone is shown, beside those that are taken from the account itself."""
    backend: str = ""
    """Authentication backend that the session names; the first that knows the account when empty."""


def configured() -> dict[str, Persona]:
    """Role → persona, in the order of the setting.

    Raises:
        ConfigurationError: the setting is malformed; names the role and the key.
    """
    return {role: _persona(role, options) for role, options in conf.get(SETTING).items()}


def _persona(role: Any, options: Any) -> Persona:
    path = conf.setting_path(SETTING)
    if not isinstance(role, str) or not ROLE.fullmatch(role):
        raise ConfigurationError(path, f"a role is 1 to 64 letters, digits, '_' or '-', not {role!r}")
    path += f"[{role!r}]"
    if not isinstance(options, Mapping):
        raise ConfigurationError(path, 'must be a dict, such as {"username": "persona-trade"}')
    for key in options:
        if key not in _KEYS:
            raise UnknownNameError(path, str(key), _KEYS)
    username, staff = options.get("username"), options.get("staff", False)
    markers, backend = options.get("markers", ()), options.get("backend", "")
    if not isinstance(username, str) or not username:
        raise ConfigurationError(path, "'username' is missing, or is no text")
    if not isinstance(staff, bool):
        raise ConfigurationError(path, "'staff' must be True or False")
    if not isinstance(markers, list | tuple) or not all(isinstance(marker, str) for marker in markers):
        raise ConfigurationError(path, "'markers' must be a list of texts")
    if not isinstance(backend, str):
        raise ConfigurationError(path, "'backend' must be a dotted path")
    return Persona(role=role, username=username, is_staff_permitted=staff, markers=tuple(markers), backend=backend)


def account_of(persona: Persona) -> AbstractBaseUser:
    """The persona's account, after a check that it may be one.

    Raises:
        ConfigurationError: it does not exist, is inactive, is a superuser, or is staff without the explicit setting.
    """
    path = f"{conf.setting_path(SETTING)}[{persona.role!r}]"
    if (user := find_account(persona)) is None:
        raise ConfigurationError(path, f"there is no account {persona.username!r}; personas are never created here")
    if not user.is_active:
        raise ConfigurationError(path, f"the account {persona.username!r} is inactive")
    if problem := refusal(user, persona):
        hint = "name an ordinary account" if problem == "superuser" else "if that is meant, add 'staff': True"
        raise ConfigurationError(path, f"the account {persona.username!r} is {problem}; {hint}")
    return user


def find_account(persona: Persona) -> AbstractBaseUser | None:
    """The account by its natural key, whatever it may do."""
    model = get_user_model()
    try:
        found: AbstractBaseUser = model._default_manager.get_by_natural_key(persona.username)  # noqa: SLF001 - public by Django's docs
    except model.DoesNotExist:
        return None
    return found


def refusal(user: Any, persona: Persona | None) -> str:
    """Why no warm request may be made as ``user``: ``superuser``, ``staff``, or empty when it may.

    User models of a project's own may know neither.
    """
    if getattr(user, "is_superuser", False):
        return "superuser"
    if getattr(user, "is_staff", False) and not (persona and persona.is_staff_permitted):
        return "staff"
    return ""


def backend_of(persona: Persona, user: AbstractBaseUser, paths: Sequence[str]) -> str:
    """The authentication backend of ``paths`` that will find ``user`` by the session.

    Raises:
        ConfigurationError: none does; the session would be anonymous.
    """
    path = f"{conf.setting_path(SETTING)}[{persona.role!r}]"
    if persona.backend and persona.backend not in paths:
        raise ConfigurationError(path, f"the backend {persona.backend!r} is not in AUTHENTICATION_BACKENDS")
    for candidate in [persona.backend] if persona.backend else paths:
        backend = load_backend(candidate)
        if hasattr(backend, "get_user") and backend.get_user(user.pk) is not None:
            return candidate
    raise ConfigurationError(path, f"no authentication backend lets {persona.username!r} in")
