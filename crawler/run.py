"""One run from its checked settings to its report: what came of its `Agenda`, and what ends it.

Counts add up whatever happens: each planned request is yet to come, under way, or recorded; `WarmRun.finish` turns the
first two into ``skipped``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Self

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from url_manifests.errors import CacheWarmingError, ConfigurationError, SiteProtectionError, UnwritableError
from url_manifests.manifest import ManifestReader
from url_manifests.outcomes import RunInfo
from url_manifests.personas import Personas
from url_manifests.protocol import Purpose
from url_manifests.report import Report
from url_manifests.traces import SiteView

from . import minting
from .agenda import Agenda
from .cache_watch import CacheWatch
from .control import LoadController
from .discovery import Discovery
from .env import WarmConfig, load_config
from .inspection import Inspector
from .ledger import Ledger
from .lock import RunLock, lock_paths
from .outcome import skipped
from .parked import Parked
from .plan import Visitors, checked_manifest, plan_requests, selector
from .resume import Positions, plan_mark
from .sessions import load_personas
from .target import Target
from .traffic import Traffic
from .varying import Varying
from .workers import EveryWorker
from .writes import Writes


class WarmRun:
    """The state of a run. Scrapy's components reach it as ``crawler.spider.run``."""

    def __init__(
        self, config: WarmConfig, manifest: ManifestReader, directory: Path, personas: Personas | None = None
    ) -> None:
        self.config = config
        self.manifest = manifest
        self._mints = config.personas == minting.MINT
        self.target = Target.from_config(config)
        report = Report(run_id=config.run_id, env=config.env, require_coverage=config.require_coverage)
        self.ledger = Ledger(config.outcomes, self._info(), report)
        self.traffic = Traffic()
        self.sites: dict[str, SiteView] = {}
        """How the site sees us, by public host, once it was asked."""
        self.error: CacheWarmingError | None = None
        """Why the run ends early; the first reason counts."""
        self.is_wanted: Callable[[], bool] = lambda: True
        """False as soon as somebody asks Scrapy to stop, long before the spider is closed."""
        self.is_deadline_over = False
        self.is_site_suffering = False
        """Whether a stop rule ended the run, rather than a person."""
        self.load = LoadController(config.rate, config.concurrency)
        self.cache = CacheWatch(config.cache_wait_s)
        self.times_opened = 0
        """How often the circuit to the site was opened."""
        self.lock_note = ""
        """Who else is kept from crawling meanwhile, or why nobody on other machines is."""
        self._started_at_s = monotonic()
        self.parked = Parked(config.prove_within_s)
        self.visitors = Visitors(manifest, personas, tuple(config.sign_in_as))
        self.late_check: dict[str, Any] | None = None
        """What the second look at the end found."""
        self.varying = Varying()
        """What pages vary on that no variant of the manifest is chosen by."""
        self.writes = Writes()
        """Database writes that the site observed, or refused, while it answered."""
        self.targets = [self.target, *(self.target.at(url) for url in config.base_urls)]
        """The instances of the site; the crawl goes to the first."""
        self.every_worker = EveryWorker(self.targets, config.workers, lambda: not self.must_leave())
        discovery = Discovery(config.rules, self.target.absolute_uri, selector(config.only))
        self.inspector = Inspector(config.soft_errors, discovery if config.discover != "none" else None)
        self.agenda = Agenda(plan_requests(manifest, self.visitors, config.only, config.rules), self.inspector)
        self.lock = RunLock(*lock_paths(config.env, directory))

    @classmethod
    def prepare(cls, arguments: Mapping[str, str], environ: Mapping[str, str], directory: Path) -> Self:
        """Check everything that can be checked without asking the site.

        Raises:
            ConfigurationError: an argument or a variable is wrong.
            FileFormatError: the manifest is missing or empty, or its header or one of its first entries malformed.
        """
        config = load_config(arguments, environ, directory)
        personas = load_personas(Path(config.personas)) if config.personas not in ("", minting.MINT) else None
        return cls(config, checked_manifest(config.manifest), directory, personas)

    def open(self) -> None:
        """Take the lock and begin the outcome file, or go on with it.

        Raises:
            AnotherRunError: a run of this environment is under way.
            ConfigurationError: the files cannot be written, or the run cannot be resumed.
            FileFormatError: the outcome file of the run to be resumed is missing or malformed.
        """
        try:
            self.lock.acquire(f"run {self.config.run_id} of {self.config.env!r}")
            self._mint()
            self._begin_outcomes()
        except OSError as error:
            self._abandon()
            raise ConfigurationError(
                "WARM_REPORT", f"{error.filename or self.config.outcomes} cannot be written: {error.strerror}"
            ) from error
        except CacheWarmingError:
            self._abandon()
            raise
        if self.error:
            self.finish()
            raise self.error

    def _mint(self) -> None:
        """Sessions come first: their roles are a part of the plan."""
        if self._mints:
            try:
                self.visitors.sign_in(minting.mint(self.config.run_id, self.config.deadline_s))
            except CacheWarmingError as error:
                self.fail(error)

    def _abandon(self) -> None:
        """Leave nothing behind of a run that never began."""
        if self._mints and self.visitors.roles:
            minting.revoke(self.config.run_id)
        self.lock.release()

    def _begin_outcomes(self) -> None:
        config, header = self.config, self.manifest.header
        mark = plan_mark(config.manifest, self.visitors.roles)
        if not config.is_resumed:
            self.ledger.open(mark)
            return
        end = header.entries * (len(header.profiles) + len(self.visitors.roles) + 1)
        self.agenda.resume(Positions(config.outcomes, end))
        self.ledger.reopen(mark, self.agenda.keep)

    def _info(self) -> RunInfo:
        config, profiles = self.config, self.manifest.header.profiles
        # The cross-check asks Django for these visitors' keys.
        extra = {"profiles": {name: dict(headers) for name, headers in profiles.items()}}
        names = {"env": config.env, "public_url": config.public_url, "release": config.release}
        return RunInfo(run_id=config.run_id, extra=extra, **names)

    @property
    def report(self) -> Report:
        """What was recorded so far, counted."""
        return self.ledger.report

    @property
    def purpose(self) -> Purpose:
        """With a release pinned, every answer has to say which one it is from."""
        return Purpose.HELLO if self.config.release else Purpose.WARM

    def heed_stop_file(self) -> None:
        """End the run when somebody has put the file there that means stop."""
        path = self.config.stop_file
        if path.exists():
            self.fail(SiteProtectionError(f"stopped: {path} is there (WARM_STOP_FILE); remove it before the next run"))

    def fail(self, error: CacheWarmingError) -> None:
        """End the run early; the first error counts."""
        self.error = self.error or error

    def protect(self, why: str) -> None:
        """End the run because the site suffers."""
        self.is_site_suffering |= self.error is None
        self.fail(SiteProtectionError(f"stopped to protect the site: {why}; look at its health, then run again"))

    @property
    def is_stopping(self) -> bool:
        return self.error is not None or not self.is_wanted()

    def must_leave(self) -> bool:
        """Whether nothing more may be begun."""
        self.is_deadline_over |= self.remaining_s() <= 0
        return self.is_deadline_over or self.is_stopping

    def remaining_s(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self._started_at_s + self.config.deadline_s - monotonic()

    @property
    def elapsed_s(self) -> float:
        return monotonic() - self._started_at_s

    def finish(self) -> None:
        """Record what was not answered, write the report, and let the next run begin."""
        if not self.ledger.is_open:
            return
        try:
            self._record_the_rest()
            self.ledger.close()
        except UnwritableError as error:
            self.fail(error)
        if self._mints and (problem := minting.revoke(self.config.run_id)):
            self.fail(CacheWarmingError(f"sessions of this run may live until they expire: {problem}"))
        self.report.error = self.error
        self.report.extra = self._account()
        self.report.finish(self.elapsed_s)
        try:
            self.report.write(self.config.report)
        except OSError as error:
            raise CacheWarmingError(f"{self.config.report} cannot be written: {error.strerror}") from error
        finally:
            self.lock.release()

    def _record_the_rest(self) -> None:
        if not self.agenda.is_complete and not self.is_deadline_over:
            goes_on = f"go on with -a resume={self.config.run_id}"
            self.fail(SiteProtectionError(f"the run was stopped before its end; {goes_on}"))
        for planned in self.agenda.rest():
            try:
                self.ledger.record(skipped(planned, planned.left_out or self._skip_reason()))
            except UnwritableError as error:
                self.fail(error)  # The others are still counted.

    def _skip_reason(self) -> str:
        stopped = "protected" if self.is_site_suffering else "stopped"
        return stopped if self.error else "deadline"

    def _account(self) -> dict[str, Any]:
        sites = {
            host: {name: getattr(view, name) for name in ("django", "release", "language", "time_zone")}
            for host, view in self.sites.items()
        }
        discovery = self.inspector.discovery
        return {
            "base_url": self.config.base_url,
            "public_url": self.config.public_url,
            "manifest": self.config.manifest.name,
            "lock": self.lock_note,
            "resumed_with": self.agenda.resumed_with,
            "rate_limit": self.config.rate,
            "rate_allowed": round(self.load.mean_rate, 2),
            "slowdowns": dict(self.load.slowdowns),
            "circuit_opened": self.times_opened,
            "cache_down_s": round(self.cache.down_s, 1),
            "deadline_reached": self.is_deadline_over,
            "site": next(iter(sites.values()), None),
            "hosts": sites,
            "late_check": self.late_check,
            "personas": list(self.visitors.roles),
            "workers": self.every_worker.document(),
            "pages_read": self.inspector.counts,
            "discovered": dict(discovery.counts) if discovery else None,
            "varies_on": self.varying.document(),
            "writes": self.writes.document(),
            **self.traffic.document(),
        }


def run_of(crawler: Crawler) -> WarmRun:
    """The run of a crawler, for components that follow it.

    Raises:
        NotConfigured: another spider of a user's project is running; the component stays out of its way.
    """
    run = getattr(crawler.spider, "run", None)
    if not isinstance(run, WarmRun):
        raise NotConfigured  # without a reason, or Scrapy would warn of each component
    return run
