"""Rows that every page for signed-in customers reads: kept in the cache, warmed, and forgotten when they are saved."""

from __future__ import annotations

from django_hooks.warmers import CachedRows
from example.accounts.models import Profile
from example.content.models import ShopSettings
from example.orders.models import PostalArea

shop_settings = CachedRows("shop-settings", ShopSettings, timeout=60 * 60, priority=15)
profiles = CachedRows("profiles", Profile, lookups=["user"], timeout=30 * 60, priority=5)
postal_areas = CachedRows("postal-areas", PostalArea, lookups=[["country", "code"]], timeout=24 * 60 * 60)

SHOP_SETTINGS_PK = 1
"""There is one row."""
