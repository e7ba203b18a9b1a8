"""``manage.py export_manifest``: the manifest from what visitors asked this site for.

Exit codes: 0 written · 1 unexpected error · 2 wrong usage or configuration, or nothing was recorded yet.
"""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseProblem

from django_hooks.traffic.export import ExportOptions, ExportResult, export
from django_hooks.traffic.options import own_rules
from url_manifests.errors import CacheWarmingError, ExitCode
from url_manifests.prediction import PredictionPolicy
from url_manifests.rules import read_rules
from url_manifests.selection import SelectionPolicy

_SELECTION = SelectionPolicy()
_PREDICTION = PredictionPolicy()


class Command(BaseCommand):
    """Parses, calls `django_hooks.traffic.export`, prints."""

    help = "Write a manifest of the URLs that visitors asked for, from the traffic that the middleware recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        """Named as in ``python -m url_manifests build``, with the same defaults."""
        add = parser.add_argument
        add("-o", "--output", required=True, metavar="FILE", help="The manifest to write.")
        add("--days", type=_whole, default=14, metavar="N", help="Days back from the last hour recorded (14).")
        add("--coverage", type=_share, default=_SELECTION.coverage, metavar="SHARE", help="Stop at this share (1).")
        add("--max-urls", type=_whole, default=_SELECTION.max_urls, metavar="N", help="(50000)")
        add("--max-time", type=_positive, metavar="SECONDS", help="What the pages may take to compute.")
        add("--max-per-route", type=_whole, metavar="N", help="(half of --max-urls)")
        add("--min-hits", type=_whole, default=_SELECTION.min_hits, metavar="N", help="(1)")
        add("--half-life", type=_positive, default=_PREDICTION.half_life_days, metavar="DAYS", help="(4)")
        add("--horizon", type=_whole, default=_PREDICTION.horizon_hours, metavar="HOURS", help="(24)")
        add("--plain-counts", action="store_true", help="Rank by hits alone, without prediction.")
        add("--variants", type=_share, default=_SELECTION.variants_share, metavar="SHARE", help="(0.95)")
        add("--rules", default="", metavar="FILE", help="TOML file with your own rules (TRAFFIC_RULES).")
        add("--keep-unresolved", action="store_true", help="Keep URLs that ROOT_URLCONF does not find.")

    def handle(self, *args: Any, verbosity: int, output: str, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Export; every error of ours, and of the database, becomes one line and its exit code."""
        try:
            result = export(output, _options(options))
        except CacheWarmingError as error:
            raise CommandError(str(error), returncode=int(error.exit_code)) from error
        except DatabaseProblem as error:
            message = f"observed traffic cannot be read: {' '.join(str(error).split())}"
            raise CommandError(message, returncode=int(ExitCode.UNEXPECTED)) from error
        except OSError as error:
            message = f"{output}: {error.strerror}"
            raise CommandError(message, returncode=int(ExitCode.USAGE)) from error
        if verbosity:
            self._print(result, output)

    def _print(self, result: ExportResult, output: str) -> None:
        totals = result.totals
        share = f"{result.expected_share:.1%} of the expected requests"
        self.stdout.write(f"{output}: {result.entries} of {totals['pages']} URLs, {share}")
        self.stdout.write(f"  {totals['used']} of {totals['lines']} requests used")
        for rule, hits in totals["excluded"].items():
            self.stdout.write(f"  {hits} excluded: {rule}")
        for limit, urls in totals["left_out"].items():
            self.stdout.write(f"  {urls} URLs left out: {limit}")
        for gone in result.gone:
            self.stdout.write(
                f"  no longer in this release: {gone.route} ({gone.urls} URLs, {gone.hits} requests, "
                f"such as {gone.example})"
            )


def _options(options: dict[str, Any]) -> ExportOptions:
    plain = options["plain_counts"]
    return ExportOptions(
        days=options["days"],
        keep_unresolved=options["keep_unresolved"],
        rules=read_rules(options["rules"]) if options["rules"] else own_rules(),
        prediction=PredictionPolicy(
            half_life_days=0.0 if plain else options["half_life"],
            horizon_hours=options["horizon"],
            by_hour_of_week=not plain,
        ),
        selection=SelectionPolicy(
            coverage=options["coverage"],
            max_urls=options["max_urls"],
            max_time_s=options["max_time"],
            max_per_route=options["max_per_route"],
            min_hits=options["min_hits"],
            variants_share=options["variants"],
        ),
    )


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def _share(text: str) -> float:
    if (value := _positive(text)) > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return value
