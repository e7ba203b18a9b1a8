"""System checks of what protects a site from warming: limits, addresses, the kill switch."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error

from . import addresses, conf, gate


def check_safety() -> Iterator[CheckMessage]:
    """One error for each setting that is malformed."""
    for error in (*gate.problems(), *addresses.problems()):
        name = error.setting.removeprefix(f"{conf.NAME}['").partition("'")[0]
        yield Error(f"{error.setting} {error.problem}.", hint=conf.SETTINGS[name].help, id="cache_warming.E010")
