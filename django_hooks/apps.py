"""The Django application; its label ``cache_warming`` is what checks, tables and permissions are named by."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class CacheWarmingConfig(AppConfig):
    """Registers the system checks; warmers are discovered when a command first asks for them, not here."""

    name = "django_hooks"
    label = "cache_warming"
    verbose_name = "cache warming"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .checks import check_cache_warming  # noqa: PLC0415 - apps.py must be importable before settings are

        checks.register(check_cache_warming, checks.Tags.caches)
