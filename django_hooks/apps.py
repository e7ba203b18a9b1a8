"""The Django application; its label ``cache_warming`` is what checks, tables and permissions are named by."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created


class CacheWarmingConfig(AppConfig):
    """Registers the system checks, the guard with the databases, and what forgets saved rows; commands find warmers."""

    name = "django_hooks"
    label = "cache_warming"
    verbose_name = "cache warming"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import guard  # noqa: PLC0415 - apps.py must be importable before settings are
        from .checks import check_cache_warming  # noqa: PLC0415 - as above
        from .deployment_checks import check_deployment  # noqa: PLC0415 - as above
        from .permissions import signals  # noqa: PLC0415 - as above
        from .warmers.declared_rows import listen_to_changes  # noqa: PLC0415 - as above

        checks.register(check_cache_warming, checks.Tags.caches)
        checks.register(check_deployment, checks.Tags.caches, deploy=True)
        connection_created.connect(guard.remember, dispatch_uid="cache_warming.guard")
        listen_to_changes()
        signals.connect()
