"""The admin's view of observed traffic and of runs: to look at, not to edit. Retention deletes both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from .models import ObservedExclusion, ObservedTraffic, WarmRun

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # generic in its stubs only


class ReadOnlyAdmin(_ModelAdmin):
    """A list that nobody changes by hand; seen by staff with the ``view`` permission."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(ObservedTraffic)
class ObservedTrafficAdmin(ReadOnlyAdmin):
    """Newest hour first, in it what was asked for most."""

    list_display = ("starts_at", "host", "url", "cold_hits", "warm_hits", "cold_mean_ms", "warm_mean_ms", "route")
    list_filter = ("host", "route")
    search_fields = ("url",)
    ordering = ("-hour", "-cold_hits", "pk")
    show_full_result_count = False

    @admin.display(description=_("mean computed, ms"))
    def cold_mean_ms(self, row: ObservedTraffic) -> str:
        return f"{row.cold_ms / row.cold_hits:.1f}" if row.cold_hits else ""

    @admin.display(description=_("mean from the cache, ms"))
    def warm_mean_ms(self, row: ObservedTraffic) -> str:
        return f"{row.warm_ms / row.warm_hits:.1f}" if row.warm_hits else ""


@admin.register(ObservedExclusion)
class ObservedExclusionAdmin(ReadOnlyAdmin):
    """Which rules kept how many requests out."""

    list_display = ("starts_at", "rule", "hits")
    list_filter = ("rule",)
    ordering = ("-hour", "-hits", "pk")


@admin.register(WarmRun)
class WarmRunAdmin(ReadOnlyAdmin):
    """Newest first: what each run was asked, and what came of it."""

    list_display = (
        "started_at",
        "run_id",
        "kind",
        "env",
        "strategy",
        "mode",
        "state",
        "outcome",
        "exit_code",
        "coverage",
        "planned",
        "stored",
        "already_warm",
        "failed",
    )
    list_filter = ("kind", "env", "strategy", "mode", "outcome")
    search_fields = ("run_id",)
    ordering = ("-started_at", "-pk")
    fields = (*list_display, "not_stored", "skipped", "unverifiable", "holder", "heard_at", "finished_at", "document")
    readonly_fields = fields
    show_full_result_count = False

    @admin.display(description=_("report"))
    def document(self, row: WarmRun) -> str:
        text = json.dumps(row.report, indent=2, ensure_ascii=False)
        return format_html("<pre style='max-width: 60em; white-space: pre-wrap'>{}</pre>", text)
