"""``manage.py seed_crowd``: rows by the hundred thousand, for measuring."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from example.accounts import crowd


class Command(BaseCommand):
    """Adds to whatever is there."""

    help = "Add users, group permissions, rows and sessions in bulk; for measuring, not for the demo."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=int, default=100_000, help="default %(default)s")
        parser.add_argument("--grants", type=int, default=5_000, help="permissions of groups (default %(default)s)")
        parser.add_argument("--sessions", type=int, default=50_000, help="default %(default)s")
        parser.add_argument("--rows", type=int, default=200_000, help="profiles and postal areas (default %(default)s)")

    @transaction.atomic
    def handle(self, *_args: Any, users: int, grants: int, sessions: int, rows: int, **_options: Any) -> None:
        counts = {"users": crowd.create_users(users), "grants": crowd.create_grants(grants)}
        without = User.objects.filter(profile=None).order_by("pk").iterator(chunk_size=crowd.BATCH)
        profiles = crowd.create_profiles(without)
        counts["rows"] = profiles + crowd.create_reference_data(rows - profiles)
        counts["sessions"] = len(crowd.create_sessions(sessions))
        self.stdout.write(f"Added {', '.join(f'{count} {name}' for name, count in counts.items())}.")
