"""No rows of its own: only the permissions of the staff pages."""

from __future__ import annotations

from django.db import models


class StaffPages(models.Model):
    """Carries permissions; has no table."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("view_metrics", "Can see the figures of the shop"),
            ("export_orders", "Can download orders"),
        )

    def __str__(self) -> str:
        return "staff pages"
