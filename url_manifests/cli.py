"""The command line: parse arguments, call, print. Exit codes are those of `errors.ExitCode`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from .arguments import make_parser, prediction_policy, selection_policy
from .build import BuildOptions, build
from .checking import check_manifest
from .console import (
    console,
    print_build,
    print_difference,
    print_forecast,
    print_manifest,
    reading_progress,
)
from .counting import CountingOptions, Network
from .differing import compare
from .errors import CacheWarmingError, ConfigurationError, ExitCode
from .forecasting import forecast
from .logs.detect import forced_spec
from .manifest import ManifestReader, write_manifest
from .merging import merge_manifests
from .rules import Rules, read_rules
from .sources import expand
from .workers import total_bytes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; the exit code."""
    options = make_parser().parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
        sys.stdout.flush()
    except CacheWarmingError as error:
        _complain(str(error))
        return int(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.WARM)
    except KeyboardInterrupt:
        _complain("interrupted; nothing was written")
        return 130
    except OSError as error:
        _complain(f"{error.filename or 'input/output'}: {error.strerror or error}")
        return int(ExitCode.UNEXPECTED)
    return int(ExitCode.WARM)


def _complain(message: str) -> None:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")


def _rules(options: argparse.Namespace) -> Rules:
    return read_rules(options.rules) if options.rules else Rules()


def _networks(texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise ConfigurationError(
            "--exclude-address", f"{error}; give an address or a network such as 10.0.0.0/8"
        ) from error


def _reading_options(options: argparse.Namespace) -> BuildOptions:
    """What `build` and `forecast` share: how logs are read, and which requests count."""
    return BuildOptions(
        forced=forced_spec(options.format, options.log_format),
        counting=CountingOptions(
            rules=_rules(options),
            default_host=options.host,
            excluded_agents=tuple(options.exclude_agent),
            excluded_networks=_networks(options.exclude_address),
            keep_bots=options.keep_bots,
        ),
        max_rejects=options.max_rejects,
        workers=options.workers,
    )


def _build_options(options: argparse.Namespace) -> BuildOptions:
    return replace(
        _reading_options(options),
        prediction=prediction_policy(vars(options)),
        selection=selection_policy(vars(options)),
    )


def _build(options: argparse.Namespace) -> None:
    build_options = _build_options(options)
    sources = expand(options.logs)
    size_bytes = total_bytes([source.path for source in sources])
    with reading_progress(size_bytes, quiet=options.quiet) as progress:
        result = build(sources, options.output, build_options, progress)
    if not options.quiet:
        print_build(result, options.output)


def _show(options: argparse.Namespace) -> None:
    print_manifest(ManifestReader(options.manifest), options.limit)


def _check(options: argparse.Namespace) -> None:
    max_age = timedelta(days=options.max_age_days) if options.max_age_days is not None else None
    for path in options.manifests:
        found = check_manifest(path, _rules(options).safety, now=datetime.now(UTC), max_age=max_age)
        console().print(f"{path}: sound, {found.entries:,} entries, {found.hits:,} hits", markup=False)


def _merge(options: argparse.Namespace) -> None:
    header, entries = merge_manifests([ManifestReader(path) for path in options.manifests])
    write_manifest(options.output, header, entries)
    if not options.quiet:
        console().print(f"{options.output}: {len(entries):,} entries", markup=False)


def _diff(options: argparse.Namespace) -> None:
    print_difference(compare(ManifestReader(options.old), ManifestReader(options.new)), options.limit)


def _forecast(options: argparse.Namespace) -> None:
    reader, sources = ManifestReader(options.manifest), expand(options.logs)
    with reading_progress(total_bytes([source.path for source in sources]), quiet=options.quiet) as progress:
        print_forecast(forecast(reader, sources, _reading_options(options), progress))


_COMMANDS = {
    "build": _build,
    "show": _show,
    "check": _check,
    "merge": _merge,
    "diff": _diff,
    "forecast": _forecast,
}
