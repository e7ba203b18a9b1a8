"""``manage.py warm_personas``: sessions for the configured personas, for one run; made, listed and ended here.

There is no endpoint that does this over HTTP: whoever may mint can already run commands in the deployment.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_hooks.personas import listing, mint, revoke
from django_hooks.personas.minting import DEFAULT_TTL_S
from url_manifests.errors import CacheWarmingError, ConfigurationError
from url_manifests.personas import dump_personas, write_personas
from url_manifests.protocol import RUN_ID

STDOUT = "-"


class Command(BaseCommand):
    """Parses, calls `django_hooks.personas`, prints; a session goes to ``-o`` and nowhere else."""

    help = "Mint short-lived sessions of the accounts in CACHE_WARMING['PERSONAS'], list them, or revoke them."

    def add_arguments(self, parser: CommandParser) -> None:
        """One action, and the options of mint."""
        add = parser.add_argument
        add("action", nargs="?", choices=("mint", "list", "revoke"), default="mint", help="What to do (mint).")
        add(
            *("-o", "--output"),
            default=STDOUT,
            metavar="FILE",
            help="File for the sessions, readable by its owner only; - (the default) prints them for a secret store.",
        )
        add("--ttl", type=int, default=DEFAULT_TTL_S, metavar="SECONDS", help="How long they live (3600).")
        add("--role", action="append", default=[], metavar="ROLE", help="Only this role; may be repeated.")
        add("--run-id", default="", metavar="ID", help="Mark what is minted, or revoke what is so marked.")
        add("--keep", action="store_true", help="Leave unexpired sessions of earlier runs alone when minting.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Act; every error of ours becomes one line and its own exit code."""
        try:
            if options["run_id"] and not RUN_ID.fullmatch(options["run_id"]):
                raise ConfigurationError("--run-id", "must be 1 to 64 letters, digits, '_' or '-'")
            {"mint": self._mint, "list": self._list, "revoke": self._revoke}[options["action"]](options)
        except CacheWarmingError as error:
            raise CommandError(str(error), returncode=int(error.exit_code)) from error

    def _mint(self, options: dict[str, Any]) -> None:
        personas = mint(
            ttl_s=options["ttl"], run_id=options["run_id"], roles=options["role"], keeps_earlier=options["keep"]
        )
        if options["output"] == STDOUT:
            self.stdout.write(dump_personas(personas))
        else:
            try:
                write_personas(options["output"], personas)
            except ConfigurationError:
                revoke(run_id=options["run_id"])  # Nobody has them: they need not live on.
                raise
        self.stderr.write(f"{', '.join(personas.roles)} until {personas.expires_at:%Y-%m-%d %H:%M:%S} UTC")

    def _list(self, options: dict[str, Any]) -> None:  # noqa: ARG002 - one signature for all actions
        for row in listing():
            state = "expired" if row.has_expired else "until"
            self.stdout.write(f"{row.role} {state} {row.expires_at:%Y-%m-%d %H:%M:%S} UTC run={row.run_id or '-'}")

    def _revoke(self, options: dict[str, Any]) -> None:
        ended = revoke(run_id=options["run_id"])
        self.stdout.write(f"{ended} {'session' if ended == 1 else 'sessions'} ended")
