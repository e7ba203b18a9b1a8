"""``manage.py example_urls``: what seeded visitors may ask for."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from example.catalogue.paths import cacheable_paths


class Command(BaseCommand):
    """Print the paths that the page cache stores for anonymous visitors, one a line, the likely hottest first."""

    help = "Print every path of the example that the page cache can store for an anonymous visitor."

    def handle(self, *_args: Any, **_options: Any) -> None:
        for path in cacheable_paths():
            self.stdout.write(path)
