"""What the site remembers: of visitors' requests, of the sessions that it minted for personas, and of warming runs.

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
    # Sites that serve several hosts choose one for each request.
    urlconf = models.CharField(_("URLconf"), max_length=200, blank=True, default="")
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


class WarmRun(models.Model):
    """One run of ``warm_cache``: how it ended, for the admin; and what its workers are told while it goes on."""

    class State(models.TextChoices):
        """Where a run stands."""

        RUNNING = "running", _("running")
        STOPPING = "stopping", _("told to stop")
        FINISHED = "finished", _("finished")
        LOST = "lost", _("lost: its process ended without a word")

    run_id = models.CharField(_("run"), max_length=64, db_index=True)
    kind = models.CharField(_("kind"), max_length=16, default="warm")
    env = models.CharField(_("environment"), max_length=64, blank=True, default="")
    strategy = models.CharField(_("strategy"), max_length=64, blank=True, default="")
    mode = models.CharField(_("mode"), max_length=8, blank=True, default="")
    holder = models.CharField(_("process"), max_length=200, blank=True, default="")
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField(_("started"), db_index=True)
    heard_at = models.DateTimeField(_("last sign of life"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=16, blank=True, default="")
    exit_code = models.SmallIntegerField(_("exit code"), null=True, blank=True)
    coverage = models.FloatField(_("coverage"), null=True, blank=True)
    planned = models.BigIntegerField(_("planned"), default=0)
    stored = models.BigIntegerField(_("stored"), default=0)
    already_warm = models.BigIntegerField(_("already warm"), default=0)
    not_stored = models.BigIntegerField(_("not stored"), default=0)
    failed = models.BigIntegerField(_("failed"), default=0)
    skipped = models.BigIntegerField(_("skipped"), default=0)
    unverifiable = models.BigIntegerField(_("unverifiable"), default=0)
    # Of the lock that it held: who holds it now knows that whoever held it before is gone.
    scope = models.CharField(max_length=64, blank=True, default="", editable=False)
    # What its jobs are to do and until when, for workers that know nothing but the job's number.
    options = models.JSONField(default=dict, editable=False)
    ends_at = models.DateTimeField(null=True, editable=False)
    report = models.JSONField(_("report"), default=dict, blank=True)

    class Meta:
        verbose_name = _("warming run")
        verbose_name_plural = _("warming runs")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.run_id


class WarmJob(models.Model):
    """A part of one warmer's entries, for any worker to take; its result is written by whoever holds the lease."""

    class State(models.TextChoices):
        """Where a job stands."""

        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")

    run = models.ForeignKey(WarmRun, on_delete=models.CASCADE, related_name="jobs")
    warmer = models.CharField(max_length=200)
    part = models.PositiveIntegerField()
    parts = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    # Of the attempt that may write here; an attempt that lost its lease finds another one and stops.
    token = models.CharField(max_length=32, blank=True, default="")
    attempts = models.PositiveIntegerField(default=0)
    lease_ends_at = models.DateTimeField(null=True)
    entries = models.BigIntegerField(default=0)
    result = models.JSONField(null=True)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("run", "warmer", "part"), name="cache_warming_job_once"),)

    def __str__(self) -> str:
        return f"{self.warmer} {self.part + 1}/{self.parts}"


class RunLock(models.Model):
    """Who warms right now, on any machine; ends by itself when its holder stops renewing it."""

    name = models.CharField(max_length=64, primary_key=True)
    token = models.CharField(max_length=32)
    holder = models.JSONField(default=dict)
    ends_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} until {self.ends_at:%Y-%m-%d %H:%M:%S}"
