"""What the command line takes, and what its options mean; in part also those of `manage.py export_manifest`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from .build import BuildOptions
from .logs.detect import FORMAT_NAMES
from .prediction import PredictionPolicy
from .selection import DEFAULT_VARY_ON, SelectionPolicy

_UNITS_S: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


def make_parser() -> argparse.ArgumentParser:
    """The parser of all sub-commands."""
    parser = argparse.ArgumentParser(
        prog="python -m url_manifests", description="Which URLs are worth warming, from what visitors asked for."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_build(commands.add_parser("build", help="make a manifest from access logs"))
    show = commands.add_parser("show", help="print a manifest as a table")
    show.add_argument("manifest", metavar="MANIFEST")
    show.add_argument("-n", "--limit", type=whole(1), default=50, help="how many entries (default: %(default)s)")
    check = commands.add_parser("check", help="check a manifest: form, safety, duplicates, age")
    check.add_argument("manifests", nargs="+", metavar="MANIFEST")
    check.add_argument("--max-age-days", type=_number(0), metavar="DAYS", help="how old the window's end may be")
    add_rules(check)
    merge = commands.add_parser("merge", help="several manifests into one")
    merge.add_argument("manifests", nargs="+", metavar="MANIFEST")
    merge.add_argument("-o", "--output", type=output_file, required=True, metavar="FILE", help="the manifest to write")
    merge.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    diff = commands.add_parser("diff", help="what entered, left and moved between two manifests")
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW")
    diff.add_argument("-n", "--limit", type=whole(1), default=50, help="how many changes (default: %(default)s)")
    forecast = commands.add_parser("forecast", help="what a manifest would have covered of later requests")
    forecast.add_argument("manifest", metavar="MANIFEST")
    add_reading(forecast)
    return parser


def add_rules(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """The option that names the user's own rules."""
    parser.add_argument("--rules", default="", metavar="FILE", help="TOML file with your own rules")


def _add_build(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=output_file, required=True, metavar="FILE", help="the manifest to write")
    add_reading(parser)
    add_ranking(parser).add_argument(
        "--vary-on",
        action="append",
        default=[],
        metavar="HEADER",
        help=f"header that pages vary on (default: {', '.join(DEFAULT_VARY_ON)})",
    )


def add_ranking(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """How pages are ranked and where the list ends, also for `manage.py export_manifest`; the group of the variants."""
    selection, prediction = SelectionPolicy(), PredictionPolicy()
    ranking = parser.add_argument_group("ranking")
    ranking.add_argument(
        "--coverage",
        type=_share,
        default=selection.coverage,
        metavar="SHARE",
        help="stop once this share of the expected requests is covered (default: %(default)s)",
    )
    ranking.add_argument(
        "--max-urls", type=whole(1), default=selection.max_urls, metavar="N", help="(default: %(default)s)"
    )
    ranking.add_argument(
        "--max-time", type=_seconds, metavar="TIME", help="what the pages may take to compute, such as 90s, 10m"
    )
    ranking.add_argument("--max-per-route", type=whole(1), metavar="N", help="(default: half of --max-urls)")
    ranking.add_argument(
        "--min-hits", type=whole(1), default=selection.min_hits, metavar="N", help="(default: %(default)s)"
    )
    ranking.add_argument(
        "--half-life",
        type=_number(0.01),
        default=prediction.half_life_days,
        metavar="DAYS",
        help="after so many days a request counts half (default: %(default)s)",
    )
    ranking.add_argument(
        "--horizon",
        type=whole(1),
        default=prediction.horizon_hours,
        metavar="HOURS",
        help="predict the requests of so many hours after the log (default: %(default)s)",
    )
    ranking.add_argument("--plain-counts", action="store_true", help="rank by hits alone, without prediction")
    variants = parser.add_argument_group("variants")
    variants.add_argument(
        "--variants",
        type=_share,
        default=selection.variants_share,
        metavar="SHARE",
        help="share of each page's visitors whose header profiles are kept (default: %(default)s)",
    )
    return variants


def prediction_policy(options: Mapping[str, Any]) -> PredictionPolicy:
    """What the options of `add_ranking` say about the requests to come."""
    plain = options["plain_counts"]
    return PredictionPolicy(
        half_life_days=0.0 if plain else options["half_life"],
        horizon_hours=options["horizon"],
        by_hour_of_week=not plain,
    )


def selection_policy(options: Mapping[str, Any]) -> SelectionPolicy:
    """What the options of `add_ranking`, and ``vary_on`` where there is one, say about the list."""
    return SelectionPolicy(
        coverage=options["coverage"],
        max_urls=options["max_urls"],
        max_time_s=options["max_time"],
        max_per_route=options["max_per_route"],
        min_hits=options["min_hits"],
        variants_share=options["variants"],
        vary_on=tuple(options.get("vary_on") or DEFAULT_VARY_ON),
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """What decides how logs are read and which requests count."""
    parser.add_argument("logs", nargs="+", metavar="LOG", help="file, glob, or - for standard input")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    reading = parser.add_argument_group("reading")
    reading.add_argument("--format", default="auto", metavar="NAME", help=f"auto (default), {', '.join(FORMAT_NAMES)}")
    reading.add_argument(
        "--log-format",
        default="",
        metavar="LAYOUT",
        help="the server's own log_format (nginx), LogFormat (Apache) or access_log_format (gunicorn)",
    )
    reading.add_argument("--host", default="", help="public host of requests whose log does not tell it")
    reading.add_argument(
        "--max-rejects",
        type=_share,
        default=BuildOptions().max_rejects,
        metavar="SHARE",
        help="fail when more of the lines cannot be read (default: %(default)s)",
    )
    reading.add_argument(
        "--workers", type=whole(0), default=0, metavar="N", help="processes (default: as many as processors)"
    )
    filters = parser.add_argument_group("which requests count")
    add_rules(filters)
    filters.add_argument(
        "--exclude-agent", type=_regex, action="append", default=[], metavar="REGEX", help="leave out these user agents"
    )
    filters.add_argument(
        "--exclude-address",
        action="append",
        default=[],
        metavar="NETWORK",
        help="leave out these clients: monitors, offices, the warmer itself",
    )
    filters.add_argument("--keep-bots", action="store_true", help="count crawlers too")


def _share(text: str) -> float:
    value = _number(0)(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return value


def _number(minimum: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not minimum <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {minimum:g}")
        return value

    return convert


def output_file(text: str) -> str:
    """The name of a file to write; not ``-``, which is standard input's, and would become a file of that name."""
    if text == "-":
        raise argparse.ArgumentTypeError("- is no file; for standard output: -q -o /dev/stdout")
    return text


def whole(minimum: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < minimum:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {minimum}")
        return int(text)

    return convert


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 90s, 10m or 1h")
    return float(match[1]) * _UNITS_S[match[2]]


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error
    return text
