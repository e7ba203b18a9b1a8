"""``manage.py seed_example``: fill the shop."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from example.catalogue.models import Category
from example.catalogue.seeding import Seeding


class Command(BaseCommand):
    """Fill an empty shop with invented data, or say that it is full already."""

    help = "Fill the example shop with invented data: the same rows each time for the same arguments."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=Seeding.seed, help="random seed (default %(default)s)")
        parser.add_argument("--products", type=int, default=Seeding.products, help="at most 1152 (default %(default)s)")
        parser.add_argument("--orders", type=int, default=Seeding.orders, help="default %(default)s")
        parser.add_argument("--reviews", type=int, default=Seeding.reviews, help="default %(default)s")

    def handle(self, *_args: Any, seed: int, products: int, orders: int, reviews: int, **_options: Any) -> None:
        if Category.objects.exists():
            self.stdout.write("The shop is seeded already: nothing done.")
            return
        counts = Seeding(seed=seed, products=products, orders=orders, reviews=reviews).run()
        self.stdout.write(f"Seeded {', '.join(f'{count} {name}' for name, count in counts.items())}.")
