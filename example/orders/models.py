"""What was sold: some forty thousand orders, the rows behind bestsellers and the staff dashboard."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class PostalArea(models.Model):
    """How long a parcel takes to where a customer lives."""

    country = models.CharField(max_length=2)
    code = models.CharField(max_length=10)
    days = models.PositiveSmallIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("country", "code"), name="one_row_for_a_postal_area"),)

    def __str__(self) -> str:
        return f"{self.country}-{self.code}: {self.days}"


class Order(models.Model):
    """One purchase by one customer."""

    customer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders")
    placed_at = models.DateTimeField(db_index=True)
    country = models.CharField(max_length=2)

    def __str__(self) -> str:
        return f"order {self.pk}"


class OrderLine(models.Model):
    """A product in an order, at the price it had on that day."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey("catalogue.Product", models.PROTECT, related_name="lines")
    quantity = models.PositiveSmallIntegerField()
    unit_price_cents = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.quantity} x product {self.product_id}"
