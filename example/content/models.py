"""The shop's journal, and what the staff can set without a deploy."""

from __future__ import annotations

from django.db import models
from django.urls import reverse

from example.catalogue.translated import in_language


class ShopSettings(models.Model):
    """One row: what every page shows to customers who are signed in."""

    notice = models.CharField(max_length=200, blank=True)
    notice_de = models.CharField(max_length=200, blank=True)
    free_delivery_cents = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "shop settings"

    def __str__(self) -> str:
        return self.notice

    @property
    def text(self) -> str:
        """The notice in the visitor's language."""
        return in_language(self, "notice")


class Article(models.Model):
    """A story in the journal. Old ones may link to products that are gone."""

    slug = models.SlugField(unique=True)
    headline = models.CharField(max_length=120)
    headline_de = models.CharField(max_length=120, blank=True)
    body = models.TextField()
    body_de = models.TextField(blank=True)
    published_on = models.DateField()
    products = models.ManyToManyField("catalogue.Product", related_name="articles_about")

    class Meta:
        ordering = ("-published_on",)

    def __str__(self) -> str:
        return self.headline

    def get_absolute_url(self) -> str:
        return reverse("content:article", kwargs={"slug": self.slug})

    @property
    def title(self) -> str:
        """The headline in the visitor's language."""
        return in_language(self, "headline")

    @property
    def text(self) -> str:
        """The story in the visitor's language."""
        return in_language(self, "body")
