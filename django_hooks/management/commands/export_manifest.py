"""``manage.py export_manifest``: the manifest from what visitors asked this site for.

Exit codes: 0 written · 1 unexpected error · 2 wrong usage or configuration, or nothing was recorded yet.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseProblem

from django_hooks.traffic.export import ExportOptions, ExportResult, export
from django_hooks.traffic.options import own_rules
from url_manifests.arguments import add_ranking, output_file, prediction_policy, selection_policy, whole
from url_manifests.errors import CacheWarmingError, ExitCode
from url_manifests.rules import read_rules


class Command(BaseCommand):
    """Parses, calls `django_hooks.traffic.export`, prints."""

    help = "Write a manifest of the URLs that visitors asked for, from the traffic that the middleware recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        """Named as in ``python -m url_manifests build``, with the same defaults."""
        add = parser.add_argument
        add("-o", "--output", type=output_file, required=True, metavar="FILE", help="The manifest to write.")
        add("--days", type=whole(1), default=14, metavar="N", help="Days back from the last hour recorded (14).")
        add_ranking(parser)
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
    return ExportOptions(
        days=options["days"],
        keep_unresolved=options["keep_unresolved"],
        rules=read_rules(options["rules"]) if options["rules"] else own_rules(),
        prediction=prediction_policy(options),
        selection=selection_policy(options),
    )
