"""What the shop sells: products in nested categories, and what customers say about them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from example.catalogue.translated import in_language


class Category(models.Model):
    """A node of the tree. ``path`` holds the slugs from the root, so a subtree is one indexed prefix."""

    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=80)
    name_de = models.CharField(max_length=80, blank=True)
    path = models.CharField(max_length=200, unique=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position",)
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.path

    def get_absolute_url(self) -> str:
        return reverse("catalogue:category", kwargs={"category_path": self.path})

    @property
    def title(self) -> str:
        """The name in the visitor's language."""
        return in_language(self, "name")

    def ancestors(self) -> list[Category]:
        """Return the categories above this one, root first."""
        parts = self.path.split("/")
        paths = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        return sorted(Category.objects.filter(path__in=paths), key=lambda category: len(category.path))

    def products(self) -> models.QuerySet[Product]:
        """Return what is on sale in this category and below."""
        below = models.Q(category=self) | models.Q(category__path__startswith=f"{self.path}/")
        return Product.objects.on_sale().filter(below)


class Brand(models.Model):
    """Who made it."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(unique=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    """Products, seen by shoppers."""

    def on_sale(self) -> ProductQuerySet:
        """Leave out what the shop has given up; links to it live on and answer 404."""
        return self.filter(is_active=True)


class Product(models.Model):
    """One article, with its list price in cents; what a customer pays depends on the price list of their group."""

    category = models.ForeignKey(Category, models.PROTECT, related_name="articles")
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="articles")
    slug = models.SlugField(max_length=120, unique=True)
    name = models.CharField(max_length=120)
    name_de = models.CharField(max_length=120, blank=True)
    description = models.TextField()
    description_de = models.TextField(blank=True)
    material = models.CharField(max_length=30, db_index=True)
    price_cents = models.PositiveIntegerField()
    stock = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    added_on = models.DateField(db_index=True)

    objects = ProductQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("catalogue:product", kwargs={"product_slug": self.slug})

    @property
    def title(self) -> str:
        """The name in the visitor's language."""
        return in_language(self, "name")

    @property
    def text(self) -> str:
        """The description in the visitor's language."""
        return in_language(self, "description")


class Review(models.Model):
    """A customer's opinion, shown once a moderator has let it through."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="reviews")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="reviews")
    stars = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=80)
    body = models.TextField()
    written_at = models.DateTimeField()
    is_published = models.BooleanField(default=True)

    class Meta:
        ordering = ("-written_at",)

    def __str__(self) -> str:
        return f"{self.stars}/5 {self.title}"
