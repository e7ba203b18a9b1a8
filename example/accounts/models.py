"""Price lists of the customer groups, and the newsletter."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models


class PriceList(models.Model):
    """What a group of customers pays, as a discount on the list price."""

    group = models.OneToOneField(Group, models.CASCADE, related_name="price_list")
    discount_percent = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.group.name}: -{self.discount_percent} %"


class Subscription(models.Model):
    """A newsletter subscription. Whoever holds the token can end it: by a mere GET, as mail clients require."""

    email = models.EmailField(unique=True)
    token = models.CharField(max_length=64, unique=True)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"subscription {self.pk}"
