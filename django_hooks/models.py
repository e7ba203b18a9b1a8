"""What the site remembers of its visitors' requests, and of the sessions that it minted for personas.

Of visitors: sums by hour, URL and variant, and nothing about who they were.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models
from django.utils.translation import gettext_lazy as _


class HourlySum(models.Model):
    """A row that every worker of every host adds to; its key is a digest of what it is the sum of."""

    digest = models.CharField(max_length=32, primary_key=True, editable=False)
    # A number, because a site without USE_TZ stores local times, in which one hour of the year comes twice.
    hour = models.IntegerField(_("hours since 1970, UTC"), db_index=True)

    class Meta:
        abstract = True

    @property
    def starts_at(self) -> datetime:
        """When the hour began."""
        return datetime.fromtimestamp(self.hour * 3600, UTC)


class ObservedTraffic(HourlySum):
    """Requests for one URL in one variant within one hour."""

    host = models.CharField(_("host"), max_length=260)
    url = models.CharField(_("URL"), max_length=2000)
    route = models.CharField(_("route"), max_length=500, blank=True, default="")
    profile = models.CharField(_("browser"), max_length=40, blank=True, default="")
    accept_encoding = models.CharField("Accept-Encoding", max_length=120, blank=True, default="")
    accept_language = models.CharField("Accept-Language", max_length=120, blank=True, default="")
    cold_hits = models.BigIntegerField(_("computed"), default=0)
    cold_ms = models.FloatField(_("time computed, ms"), default=0)
    warm_hits = models.BigIntegerField(_("from the cache"), default=0)
    warm_ms = models.FloatField(_("time from the cache, ms"), default=0)
    signed_in_hits = models.BigIntegerField(_("signed in"), default=0)

    class Meta:
        verbose_name = _("observed URL")
        verbose_name_plural = _("observed traffic")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.host}{self.url}"

    @property
    def hits(self) -> int:
        """All requests, whatever they cost."""
        return self.cold_hits + self.warm_hits


class ObservedExclusion(HourlySum):
    """Requests within one hour that were not kept by URL, by the rule that kept them out."""

    rule = models.CharField(_("rule"), max_length=60)
    hits = models.BigIntegerField(_("requests"), default=0)

    class Meta:
        verbose_name = _("excluded requests")
        verbose_name_plural = _("excluded requests")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.rule


class PersonaSession(models.Model):
    """A session that was minted for a persona and is to be ended; in no admin, for whoever reads a key may use it."""

    role = models.CharField(max_length=64)
    run_id = models.CharField(max_length=64, blank=True, default="")
    engine = models.CharField(max_length=200)
    # Empty when the session lives in its cookie alone. The same secret as in django_session, for as long as it lives.
    session_key = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.role} until {self.expires_at:%Y-%m-%d %H:%M}"


class PersonalEntry(models.Model):
    """A cache entry that a persona's request stored and that shows who the persona is; to be read by nobody else."""

    digest = models.CharField(max_length=32, primary_key=True, editable=False)
    role = models.CharField(max_length=64)
    # Found at somebody else's and deleted. If that one's own request then stores the same, it was public by design.
    has_leaked = models.BooleanField(default=False)
    noted_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.role}: {self.digest}"
