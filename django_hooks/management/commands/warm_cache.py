"""``manage.py warm_cache``: fill caches directly, or check what a crawl reported as warm.

Exit codes: 0 warm as required · 1 unexpected error · 2 wrong usage or configuration · 3 below the required coverage ·
4 with ``--cross-check``, what was reported as warm is gone, and what is left covers less than required · 5 stopped by
Ctrl-C, SIGTERM, a terminal that was closed, or ``--stop`` · 6 another run is under way. If some of what was reported is
gone but the rest still covers enough, the exit code is 0 and the findings are listed.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from django_hooks import client_timeouts, conf, listing, output, preflight, runs, strategies, usage, values
from django_hooks.killswitch import BY_HAND, STOP_S, allow_runs, stop_runs
from django_hooks.lock import single_run
from django_hooks.progress import CHOICES
from django_hooks.report_page import write_page
from django_hooks.setting_table import CACHE_DOWN
from django_hooks.strategies import Strategy
from django_hooks.warmers import Registry, Warmer
from django_hooks.warmers.registry import project_warmers
from url_manifests.errors import CacheWarmingError, ConfigurationError, ExitCode, UnwritableError
from url_manifests.report import Report

_OF_STRATEGY = (
    *("key", "mode", "refresh", "deadline", "verify", "max_memory", "require_coverage", "cache_wait", "cache_down"),
)
"""Options that, where they are given, stand in place of what the strategy says."""
_FOR_WARMING = (
    *("strategy", "only", "exclude", "key", "mode", "refresh", "dry_run", "deadline", "verify", "max_memory"),
    *("cache_wait", "cache_down"),
)
_READ_ONLY = ("cross_check", "verify_only")


class Command(BaseCommand):
    """Parses, calls `django_hooks.runs`, prints."""

    help = "Write what the registered warmers declare straight into the caches, read it back, and report."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """The options of the design; each can be given to ``call_command`` by its name."""
        add = parser.add_argument
        add("--strategy", default="", metavar="NAME", help="What to warm and how: one of STRATEGIES, deploy, nightly.")
        add("--only", action="append", default=[], metavar="NAME", help="A warmer or category; may be repeated.")
        add("--exclude", action="append", default=[], metavar="NAME", help="A warmer or category to leave out.")
        add("--key", default="", metavar="PATTERN", help="Only keys that match this shell pattern: 'menu.*'.")
        add("--mode", choices=strategies.MODES, help="In this process, in one event loop, or in workers (sync).")
        add("--refresh", action="store_true", help="Compute and write live keys too.")
        add("--dry-run", action="store_true", help="Print the keys; compute nothing and touch no cache.")
        add("--deadline", type=_seconds, metavar="SECONDS", help="Begin nothing new after this time.")
        add("--max-memory", type=_size, metavar="SIZE", help="What the process may grow to, such as 512M.")
        add(
            "--cache-wait",
            type=_seconds_or_0,
            metavar="SECONDS",
            help="How long to wait for a cache that is down (15).",
        )
        add("--cache-down", choices=CACHE_DOWN, help="And then: go on with other caches, or stop (go-on).")
        add("--verify", choices=strategies.VERIFY, help="Which of the written keys to read back (all).")
        add("--require-coverage", type=_share, metavar="SHARE", help="From 0 to 1; less ends with exit code 3.")
        add("--report", default="", metavar="FILE", help="Write the report as JSON.")
        add("--html", default="", metavar="FILE", help="Write the report as a page for people.")
        add("--outcomes", default="", metavar="FILE", help="Write a line for each key, for --verify-only to read.")
        add(
            "--verify-only", default="", metavar="OUTCOMES", help="Read back what an earlier run of this command wrote."
        )
        add("--cross-check", default="", metavar="OUTCOMES", help="Read back what this outcome file reports as warm.")
        add("--progress", choices=CHOICES, default="auto", help="How to show that the run lives.")
        add(
            "--stop",
            nargs="?",
            const=BY_HAND,
            default="",
            metavar="REASON",
            help="Stop all runs, crawls too, and leave.",
        )
        add("--allow", action="store_true", help="Take back a --stop; it ends by itself after five minutes.")
        add("--preflight", action="store_true", help="Check settings, warmers and caches for a run, and leave.")
        add(
            "--manifest", default="", metavar="FILE", help="With --preflight: also whether this manifest fits the site."
        )
        add("--list", action="store_true", help="Print the warmers and the fragments in the templates, and leave.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Run; every error of ours becomes one line and its own exit code."""
        self.stderr = OutputWrapper(output.lasting(self.stderr))
        try:
            _refuse_contradictions(options)
            if options["stop"]:
                stop_runs(options["stop"])
                minutes = round(STOP_S / 60)
                self._print([f"all runs are to stop, and none begins for {minutes} minutes; --allow takes it back"])
            elif options["allow"]:
                allow_runs()
                self._print(["runs may begin again"])
            elif options["preflight"]:
                self._preflight(options["manifest"])
            elif options["list"]:
                self._print(listing.project_lines(project_warmers()))
            elif options["dry_run"]:
                strategy = _strategy(options)
                self._print(listing.plan_lines(_warmers(project_warmers(), strategy, options), strategy))
            else:
                self._finish(self._report(options), options)
        except CacheWarmingError as error:
            raise CommandError(str(error), returncode=int(error.exit_code)) from error

    def _report(self, options: dict[str, Any]) -> Report:
        strategy = _strategy(options)
        strategy.check()
        wanted = strategy.require_coverage
        shared = {
            "require_coverage": conf.get("REQUIRE_COVERAGE") if wanted is None else wanted,
            "progress": options["progress"],
            "stream": self.stderr,
        }
        with client_timeouts.imposed(conf.get("CACHE_TIMEOUT_S")):
            return self._report_in_time(strategy, options, shared)

    def _report_in_time(self, strategy: Strategy, options: dict[str, Any], shared: dict[str, Any]) -> Report:
        for kind in _READ_ONLY:
            if options[kind]:
                return runs.check(options[kind], kind=kind.replace("_", "-"), **shared)
        registry = project_warmers()
        warmers = _warmers(registry, strategy, options)
        with single_run() as guard:
            return runs.warm(warmers, strategy, guard, broken=registry.broken, outcomes=options["outcomes"], **shared)

    def _finish(self, report: Report, options: dict[str, Any]) -> None:
        if options["key"] and not report.planned and report.error is None:
            raise ConfigurationError("--key", f"no key matches {options['key']!r}; --dry-run prints the keys")
        for option, write in (("report", Report.write), ("html", write_page)):
            if options[option]:
                _write(report, write, option, options[option])
        self._print(output.report_lines(report))
        if report.exit_code is not ExitCode.WARM:
            raise CommandError(_verdict(report), returncode=int(report.exit_code))

    def _preflight(self, manifest: str) -> None:
        failures = 0
        for found in preflight.preflight(manifest):
            failures += found.state is preflight.State.FAIL
            self._print([f"{found.state:<5} {found.what:<20} {found.detail}"])
        if failures:
            raise CommandError(f"not ready to be warmed: {failures} findings to mend", returncode=int(ExitCode.USAGE))

    def _print(self, lines: Iterable[str]) -> None:
        output.print_lines(self.stdout, lines)


def _strategy(options: dict[str, Any]) -> Strategy:
    strategy = strategies.read(options["strategy"]) if options["strategy"] else Strategy()
    # By identity: a coverage of 0 equals False.
    given = {
        name: options[name] for name in _OF_STRATEGY if not any(options[name] is none for none in (None, "", False))
    }
    return dataclasses.replace(strategy, **given)


def _warmers(registry: Registry, strategy: Strategy, options: dict[str, Any]) -> list[Warmer]:
    chosen = strategies.choose(registry, strategy, options["only"], options["exclude"])
    if not chosen and (options["only"] or options["exclude"]):
        raise ConfigurationError("--only and --exclude", "leave nothing to warm")
    if strategy.usage != "traffic" or strategy.only:
        return chosen
    return strategies.in_order({w.name: w for w in usage.by_requests(chosen, usage.requests_by_route())})


def _refuse_contradictions(options: dict[str, Any]) -> None:
    if options["manifest"] and not options["preflight"]:
        raise ConfigurationError("--manifest", "is only read with --preflight")
    if options["dry_run"]:
        for name in ("report", "html", "outcomes"):
            if options[name]:
                raise ConfigurationError(f"--{name}", "there is nothing to report with --dry-run")
    for kind in _READ_ONLY:
        for name in (*_FOR_WARMING, *_READ_ONLY, "outcomes", "list"):
            if options[kind] and options[name] and name != kind:
                raise ConfigurationError(_option(name), f"has no meaning with {_option(kind)}, which only reads")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _write(report: Report, write: Callable[[Report, str], None], option: str, path: str) -> None:
    try:
        write(report, path)
    except OSError as error:
        raise UnwritableError(f"{_option(option)}: cannot write {path}: {error.strerror}") from error


def _verdict(report: Report) -> str:
    if report.error is not None:
        return str(report.error)
    if report.coverage >= report.require_coverage:
        return f"it is not known how much is left of what was not finished: {', '.join(report.unfinished)}"
    return f"coverage {report.coverage:.3f} is below the required {report.require_coverage:g}"


def _argument(parse: Callable[[Any], Any], prepare: Callable[[str], Any]) -> Callable[[str], Any]:
    def parsed(text: str) -> Any:
        try:
            return parse(prepare(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


_seconds = _argument(values.seconds, float)
_seconds_or_0 = _argument(values.seconds_or_0, float)
_share = _argument(values.share, float)
_size = _argument(values.size_bytes, str)
