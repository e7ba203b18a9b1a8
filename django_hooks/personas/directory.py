"""The configured personas with their accounts, as one ticketed request needs them; loaded when first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from django_hooks.models import PersonaSession

from .accounts import Persona, find_account
from .markers import Markers


class Directory:
    """Knows who is a persona, and by which texts each is known."""

    def __init__(self, personas: Mapping[str, Persona]) -> None:
        self.personas = personas

    @cached_property
    def accounts(self) -> dict[str, AbstractBaseUser]:
        """Role → account, for those that exist. Asks the database."""
        found = ((role, find_account(persona)) for role, persona in self.personas.items())
        return {role: account for role, account in found if account is not None}

    def persona_of(self, user: Any) -> Persona | None:
        """The persona whose account ``user`` is."""
        same = (role for role, account in self.accounts.items() if account == user)
        role = next(same, None)
        return self.personas[role] if role is not None else None

    def markers(self, others: Mapping[str, Any]) -> Markers:
        """The markers of all personas, and of ``others`` (role → account)."""
        texts = {role: [*self.personas[role].markers, *texts_of(account)] for role, account in self.accounts.items()}
        texts |= {role: list(texts_of(account)) for role, account in others.items()}
        live = PersonaSession.objects.filter(expires_at__gt=timezone.now()).exclude(session_key="")
        for role, session_key in live.values_list("role", "session_key"):
            texts.setdefault(role, []).append(session_key)
        return Markers(texts)


def texts_of(account: Any) -> Iterator[str]:
    """What an account is known by. A first name alone is not: others have it too."""
    yield str(account.get_username())
    yield str(getattr(account, account.get_email_field_name(), "") or "")
    full_name = str(account.get_full_name()) if hasattr(account, "get_full_name") else ""
    if " " in full_name.strip():
        yield full_name
