"""Price lists of the customer groups, who the customers are, and the newsletter."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models


class PriceList(models.Model):
    """What a group of customers pays, as a discount on the list price."""

    group = models.OneToOneField(Group, models.CASCADE, related_name="price_list")
    discount_percent = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.group.name}: -{self.discount_percent} %"


class Profile(models.Model):
    """What a customer has told about themselves; read on every page that they see signed in."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="profile")
    display_name = models.CharField(max_length=80)
    country = models.CharField(max_length=2)
    postal_code = models.CharField(max_length=10)

    def __str__(self) -> str:
        return self.display_name


class Subscription(models.Model):
    """A newsletter subscription. Whoever holds the token can end it: by a mere GET, as mail clients require."""

    email = models.EmailField(unique=True)
    token = models.CharField(max_length=64, unique=True)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"subscription {self.pk}"
