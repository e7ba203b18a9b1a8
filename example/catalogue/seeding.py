"""Fill the shop with products, customers, reviews and orders: the same ones each time for the same arguments."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.text import slugify

from example.accounts.crowd import create_profiles, create_reference_data
from example.accounts.models import Subscription
from example.accounts.people import create_people
from example.catalogue import vocabulary as words
from example.catalogue.models import Brand, Category, Product, Review
from example.content.models import Article
from example.orders.models import Order, OrderLine

TODAY = datetime(2026, 6, 30, tzinfo=UTC)
"""The last day on which somebody ordered. Fixed, or two seedings would differ."""

GONE_EVERY = 97
"""One product in so many is no longer sold."""

COUNTRIES = ("DE", "AT", "CH", "NL", "FR")


@dataclass(kw_only=True)
class Seeding:
    """One run: draws from a random generator of its own, so nothing else in the process can disturb it."""

    seed: int = 7
    products: int = 480
    orders: int = 40_000
    reviews: int = 9_000
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    @transaction.atomic
    def run(self) -> dict[str, int]:
        """Write everything and return how many rows of each kind there are."""
        leaves = self._create_categories()
        products = self._create_products(leaves)
        customers = create_people(self.rng)
        self._create_reviews(products, customers)
        self._create_orders(products, customers)
        self._create_articles(products)
        self._create_subscriptions()
        create_reference_data()
        create_profiles(customers)
        with connection.cursor() as cursor:
            # Without statistics SQLite starts bestsellers at the wrong table, ten times slower than need be.
            cursor.execute("ANALYZE")
        return {
            "categories": Category.objects.count(),
            "products": Product.objects.count(),
            "users": User.objects.count(),
            "reviews": Review.objects.count(),
            "orders": Order.objects.count(),
            "order lines": OrderLine.objects.count(),
            "articles": Article.objects.count(),
        }

    def _create_categories(self) -> list[tuple[Category, words.Leaf]]:
        leaves = []
        for position, (slug, name, name_de, groups) in enumerate(words.TREE):
            department = _category(None, slug, name, name_de, position)
            for group_position, (group_slug, group_name, group_name_de, rows) in enumerate(groups):
                group = _category(department, group_slug, group_name, group_name_de, group_position)
                leaves += [(_category(group, *row[:3], place), row) for place, row in enumerate(rows)]
        return leaves

    def _create_products(self, leaves: list[tuple[Category, words.Leaf]]) -> list[Product]:
        brands = Brand.objects.bulk_create([Brand(name=name, slug=slugify(name)) for name in words.BRANDS])
        patterns = {row[0]: self.rng.sample(words.PATTERNS, len(words.PATTERNS)) for _category, row in leaves}
        rows = []
        for number in range(self.products):
            category, leaf = leaves[number % len(leaves)]
            pattern = patterns[leaf[0]].pop()
            rows.append(self._product(category, leaf, pattern, self.rng.choice(brands), number))
        return Product.objects.bulk_create(rows)

    def _product(self, category: Category, leaf: words.Leaf, pattern: str, brand: Brand, number: int) -> Product:
        material, material_de, factor = self.rng.choice(words.MATERIALS)
        name, name_de = f"{pattern} {leaf[3]} in {material}", f"{leaf[4]} {pattern} aus {material_de}"
        return Product(
            category=category,
            brand=brand,
            slug=slugify(name),
            name=name,
            name_de=name_de,
            description=words.DESCRIPTION.format(name=name, brand=brand.name, material=material),
            description_de=words.DESCRIPTION_DE.format(name=name_de, brand=brand.name, material=material_de),
            material=material,
            price_cents=round(leaf[5] * factor * self.rng.uniform(0.8, 1.3) / 100) * 100 - 10,
            stock=self.rng.choice((0, 3, 12, 25, 60, 140, 300)),
            is_active=number % GONE_EVERY != GONE_EVERY - 1,
            added_on=date(2026, 6, 30) - timedelta(days=self.rng.randrange(900)),
        )

    def _create_reviews(self, products: list[Product], customers: list[User]) -> None:
        popularity = self._popularity(products)
        rows = []
        for product in self.rng.choices(products, cum_weights=popularity, k=self.reviews):
            stars = self.rng.choices((1, 2, 3, 4, 5), weights=(3, 5, 12, 35, 45))[0]
            review = Review(
                product=product,
                author=self.rng.choice(customers),
                stars=stars,
                title=self.rng.choice(words.REVIEW_TITLES[stars]),
                body=" ".join(self.rng.sample(words.REVIEW_BODIES, 2)),
                written_at=self._moment(),
                is_published=self.rng.random() > 0.02,
            )
            rows.append(review)
        Review.objects.bulk_create(rows, batch_size=2_000)

    def _create_orders(self, products: list[Product], customers: list[User]) -> None:
        popularity = self._popularity(products)
        orders = Order.objects.bulk_create(
            [
                Order(
                    customer=self.rng.choice(customers),
                    placed_at=self._moment(),
                    country=self.rng.choices(COUNTRIES, weights=(60, 14, 10, 9, 7))[0],
                )
                for _number in range(self.orders)
            ],
            batch_size=5_000,
        )
        lines = [line for order in orders for line in self._lines(order, products, popularity)]
        OrderLine.objects.bulk_create(lines, batch_size=5_000)

    def _lines(self, order: Order, products: list[Product], popularity: list[float]) -> Iterator[OrderLine]:
        size = self.rng.choices((1, 2, 3, 4, 5, 6), weights=(22, 26, 22, 15, 10, 5))[0]
        chosen = dict.fromkeys(self.rng.choices(range(len(products)), cum_weights=popularity, k=size))
        for index in chosen:
            yield OrderLine(
                order=order,
                product=products[index],
                quantity=self.rng.choice((1, 1, 1, 2, 2, 4)),
                unit_price_cents=products[index].price_cents,
            )

    def _create_articles(self, products: list[Product]) -> None:
        gone = [product for product in products if not product.is_active]
        for number, (slug, headline, headline_de) in enumerate(words.ARTICLES):
            about = self.rng.sample(products, 5)
            article = Article.objects.create(
                slug=slug,
                headline=headline,
                headline_de=headline_de,
                body="\n\n".join([f"{headline}."] + [product.description for product in about]),
                body_de="\n\n".join([f"{headline_de}."] + [product.description_de for product in about]),
                published_on=date(2026, 6, 20) - timedelta(days=23 * number),
            )
            article.products.set([*about, *gone] if slug == "what-we-gave-up" else about)

    def _create_subscriptions(self) -> None:
        rows = [
            Subscription(email=f"reader{number:02}@mail.example", token=f"{self.rng.getrandbits(160):040x}")
            for number in range(30)
        ]
        Subscription.objects.bulk_create(rows)

    def _popularity(self, products: list[Product]) -> list[float]:
        """Cumulated weights: few products sell a lot, most sell little."""
        weights = [1 / (rank + 4) ** 0.7 for rank in range(len(products))]
        self.rng.shuffle(weights)
        return list(accumulate(weights))

    def _moment(self) -> datetime:
        """A moment of the last two years, more likely a recent one, and in waking hours."""
        days_ago = int(730 * self.rng.random() ** 1.4)
        return TODAY - timedelta(days=days_ago, seconds=self.rng.randrange(4, 18) * 3600 + self.rng.randrange(3600))


def _category(parent: Category | None, slug: str, name: str, name_de: str, position: int) -> Category:
    path = f"{parent.path}/{slug}" if parent else slug
    return Category.objects.create(parent=parent, name=name, name_de=name_de, path=path, position=position)
