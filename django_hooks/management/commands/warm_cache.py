"""``manage.py warm_cache``: fill caches directly, or check what a crawl reported as warm.

Exit codes: 0 warm as required · 1 unexpected error · 2 wrong usage or configuration · 3 below the required coverage ·
4 with ``--cross-check``, what was reported as warm is gone, and what is left covers less than required · 5 stopped by
Ctrl-C or SIGTERM · 6 another run is under way. If some of what was reported is gone but the rest still covers enough,
the exit code is 0 and the findings are listed.
"""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_hooks import conf, runs
from django_hooks.engine import RunOptions
from django_hooks.lock import single_run
from django_hooks.progress import CHOICES, describe_counts
from django_hooks.warmers import Warmer
from django_hooks.warmers.cache_nodes import find_fragments
from django_hooks.warmers.registry import project_warmers
from url_manifests.errors import CacheWarmingError, ConfigurationError, ExitCode
from url_manifests.report import Report


class Command(BaseCommand):
    """Parses, calls `django_hooks.runs`, prints."""

    help = "Write what the registered warmers declare straight into the caches, read it back, and report."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """The options of the design; each can be given to ``call_command`` by its name."""
        add = parser.add_argument
        add("--only", action="append", default=[], metavar="NAME", help="A warmer or category; may be repeated.")
        add("--exclude", action="append", default=[], metavar="NAME", help="A warmer or category to leave out.")
        add("--key", default="", metavar="PATTERN", help="Only keys that match this shell pattern: 'menu.*'.")
        add("--refresh", action="store_true", help="Compute and write live keys too.")
        add("--dry-run", action="store_true", help="Print the keys; compute nothing and touch no cache.")
        add("--deadline", type=_seconds, metavar="SECONDS", help="Begin nothing new after this time.")
        add("--require-coverage", type=_share, metavar="SHARE", help="From 0 to 1; less ends with exit code 3.")
        add("--report", default="", metavar="FILE", help="Write the report as JSON.")
        add("--cross-check", default="", metavar="OUTCOMES", help="Read back what this outcome file reports as warm.")
        add("--progress", choices=CHOICES, default="auto", help="How to show that the run lives.")
        add("--list", action="store_true", help="Print the warmers and the fragments in the templates, and leave.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Run; every error of ours becomes one line and its own exit code."""
        try:
            _refuse_contradictions(options)
            if options["list"]:
                self._list()
            elif options["dry_run"]:
                self._print_plan(options)
            else:
                self._finish(self._report(options), options["report"])
        except CacheWarmingError as error:
            raise CommandError(str(error), returncode=int(error.exit_code)) from error

    def _report(self, options: dict[str, Any]) -> Report:
        wanted = options["require_coverage"]
        shared = {
            "require_coverage": _checked_share(conf.get("REQUIRE_COVERAGE")) if wanted is None else wanted,
            "progress": options["progress"],
            "stream": self.stderr,
        }
        if options["cross_check"]:
            return runs.check(options["cross_check"], **shared)
        with single_run():
            registry = project_warmers()
            warmers = registry.select(options["only"], options["exclude"])
            return runs.warm(warmers, _run_options(options), broken=registry.broken, **shared)

    def _finish(self, report: Report, path: str) -> None:
        if path:
            _write(report, path)
        self.stdout.write(f"{describe_counts(report.results)}; coverage {report.coverage:.3f}: {report.outcome}")
        for reason, count in report.reasons.most_common():
            self.stdout.write(f"  {count} {reason}: {', '.join(report.examples[reason])}")
        for finding in report.extra.get("cross_check", {}).get("findings", ()):
            self.stdout.write("  {finding}: {alias} {key} of {url} {detail}".format(**finding).rstrip())
        if report.exit_code is not ExitCode.WARM:
            raise CommandError(_verdict(report), returncode=int(report.exit_code))

    def _list(self) -> None:
        registry = project_warmers()
        for line in runs.list_lines(registry):
            self.stdout.write(line)
        findings = find_fragments()
        for fragment in findings.fragments:
            vary_on = " ".join(fragment.vary_on)
            self.stdout.write(f"fragment {fragment.fragment_name} in {fragment.template_name}: {vary_on}".rstrip(": "))
        for template, problem in findings.broken.items():
            self.stdout.write(f"template {template} is broken: {problem}")

    def _print_plan(self, options: dict[str, Any]) -> None:
        warmers: list[Warmer] = project_warmers().select(options["only"], options["exclude"])
        for line in runs.plan_lines(warmers, _run_options(options)):
            self.stdout.write(line)


def _run_options(options: dict[str, Any]) -> RunOptions:
    return RunOptions(key_pattern=options["key"], refresh=options["refresh"], deadline_s=options["deadline"])


def _refuse_contradictions(options: dict[str, Any]) -> None:
    if options["dry_run"] and options["report"]:
        raise ConfigurationError("--report", "there is nothing to report with --dry-run")
    if options["cross_check"]:
        for name in ("only", "exclude", "key", "refresh", "dry_run", "deadline", "list"):
            if options[name]:
                option = "--" + name.replace("_", "-")
                raise ConfigurationError(option, "has no meaning with --cross-check, which only reads")


def _write(report: Report, path: str) -> None:
    try:
        report.write(path)
    except OSError as error:
        raise ConfigurationError("--report", f"cannot write {path}: {error.strerror}") from error


def _verdict(report: Report) -> str:
    if report.error is not None:
        return str(report.error)
    return f"coverage {report.coverage:.3f} is below the required {report.require_coverage:g}"


def _seconds(text: str) -> float:
    if not (seconds := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, is {text}")
    return seconds


def _share(text: str) -> float:
    try:
        return _checked_share(float(text))
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(error.problem) from error


def _checked_share(share: float) -> float:
    if not 0 <= share <= 1:
        raise ConfigurationError(conf.setting_path("REQUIRE_COVERAGE"), f"must be from 0 to 1, is {share}")
    return share
