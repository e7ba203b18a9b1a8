"""The shop's journal."""

from __future__ import annotations

from django.db import models
from django.urls import reverse

from example.catalogue.translated import in_language


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
