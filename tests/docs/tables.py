"""The reference's tables, as the code has them. ``python -m tests.docs.tables`` writes them into the pages anew.

A page holds a table between ``<!-- table: NAME -->`` and ``<!-- end -->``; a test fails when the two differ.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import django

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _reasons() -> str:
    from url_manifests.reasons import REASONS

    rows = ((f"`{name}`", "yes" if r.by_application else "no", r.text, r.hint) for name, r in REASONS.items())
    return _table(["reason", "by the application", "meaning", "hint"], rows)


def _environment() -> str:
    from crawler.variables import VARIABLES

    rows = []
    for variable in VARIABLES:
        argument = "" if variable.is_secret else f"`-a {variable.field}=`"
        name = "" if variable.is_argument_only else f"`{variable.name}`"
        default = f"`{variable.default}`".replace("{env}", "NAME") if variable.default else ""
        rows.append((name, argument, default, variable.help))
    return _table(["variable", "argument", "default", "meaning"], rows)


def _settings() -> str:
    from django_hooks.setting_table import SETTINGS

    return _table(
        ["key", "type", "default", "meaning"],
        (
            (f"`{s.name}`", " or ".join(kind.__name__ for kind in s.types), f"`{s.default!r}`", s.help)
            for s in SETTINGS.values()
        ),
    )


def _options(parser: argparse.ArgumentParser, hidden: Iterable[str] = ()) -> Iterator[Sequence[str]]:
    for action in parser._actions:
        names = action.option_strings or [str(action.metavar or action.dest)]
        if not {"--help", *hidden} & set(names):
            value = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar or _choices(action)}"
            yield f"`{', '.join(names)}{value}`", " ".join(((action.help or "") % vars(action)).split())


def _choices(action: argparse.Action) -> str:
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _manage(name: str) -> Callable[[], str]:
    def table() -> str:
        from django.core.management import load_command_class
        from django.core.management.base import DjangoHelpFormatter

        django.setup()
        parser = load_command_class("django_hooks", name).create_parser("manage.py", name)
        own = _options(parser, hidden=DjangoHelpFormatter.show_last)
        return _table(["option", "meaning"], own)

    return table


def _url_manifests(name: str) -> Callable[[], str]:
    def table() -> str:
        from url_manifests.arguments import make_parser

        parser = make_parser()
        commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        return _table(["option", "meaning"], _options(commands.choices[name]))

    return table


TABLES: dict[str, Callable[[], str]] = {
    "reasons": _reasons,
    "environment": _environment,
    "settings": _settings,
    **{
        name: _manage(name.replace("-", "_"))
        for name in ("warm-cache", "warm-personas", "export-manifest", "invalidate-permissions")
    },
    **{name: _url_manifests(name) for name in ("build", "show", "check", "merge", "diff", "forecast")},
}


def refreshed(text: str) -> str:
    """A page with its tables as the code has them."""
    return _BLOCK.sub(lambda match: match[1] + TABLES[match["name"]]() + match[3], text)


def shown(text: str) -> set[str]:
    """The names of the tables that a page shows."""
    return {match["name"] for match in _BLOCK.finditer(text)}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
    for page in DOCS.rglob("*.md"):
        page.write_text(refreshed(page.read_text()))
