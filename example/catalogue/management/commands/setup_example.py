"""``manage.py setup_example``: everything between a checkout and a shop that can be served."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command

from example.catalogue.management.commands import seed_example


class Command(seed_example.Command):
    """Migrate, create the cache table and seed. Harmless when it has been done."""

    help = "Prepare the example: migrate, createcachetable, seed_example (and its options)."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        super().handle(*args, **options)
