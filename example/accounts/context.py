"""What templates for signed-in customers may ask for; a page that does not ask reads nothing."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest

from example.accounts.models import Profile
from example.accounts.rows import SHOP_SETTINGS_PK, postal_areas, profiles, shop_settings
from example.content.models import ShopSettings
from example.orders.models import PostalArea


class Customer:
    """The rows of one visitor, each read when a template names it; ``None`` where there is none."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def settings(self) -> ShopSettings | None:
        try:
            return shop_settings.get(SHOP_SETTINGS_PK)
        except ObjectDoesNotExist:
            return None

    @property
    def profile(self) -> Profile | None:
        try:
            return profiles.get(user=self._request.user.pk)
        except ObjectDoesNotExist:
            return None

    @property
    def area(self) -> PostalArea | None:
        profile = self.profile
        try:
            return profile and postal_areas.get(country=profile.country, code=profile.postal_code)
        except ObjectDoesNotExist:
            return None


def customer(request: HttpRequest) -> dict[str, Any]:
    """Context processor: ``customer.profile``, ``customer.area``, ``customer.settings``."""
    return {"customer": Customer(request)}
