"""``manage.py invalidate_permissions``: after changes that send no signals, such as SQL by hand.

Exit codes: 0 taken back · 1 unexpected error · 2 wrong usage or configuration, or the cache did not take it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from django_hooks.permissions import changes
from url_manifests.errors import CacheWarmingError, ExitCode


class Command(BaseCommand):
    """Parses, calls `django_hooks.permissions.changes`, prints."""

    help = "Take back the permissions that CachedPermissionsBackend keeps in the cache."

    def add_arguments(self, parser: CommandParser) -> None:
        """Everybody's, or some users'."""
        parser.add_argument("--user", action="append", metavar="PK", help="Only of this user; may be repeated.")
        parser.add_argument(
            "--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections), help="What was changed (default)."
        )

    def handle(self, *args: Any, verbosity: int, user: Sequence[str] | None, database: str, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Take back, and say so only when the cache has taken it."""
        try:
            changes.invalidate_permissions(user, using=database)
        except CacheWarmingError as error:
            raise CommandError(str(error), returncode=int(error.exit_code)) from error
        if changes.is_behind():
            raise CommandError("the cache did not take it: see the log", returncode=int(ExitCode.USAGE))
        if verbosity:
            self.stdout.write(f"Taken back: permissions of {len(user)} users." if user else "Taken back: everybody's.")
