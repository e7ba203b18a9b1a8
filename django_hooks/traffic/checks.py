"""System checks of the ``TRAFFIC_…`` settings."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error

from django_hooks import conf
from django_hooks.setting_table import SETTINGS

from .options import problems


def check_traffic() -> Iterator[CheckMessage]:
    """One error for each setting that is out of range; until it is mended, nothing is recorded."""
    for problem in problems():
        name = problem.setting.removeprefix(f"{conf.NAME}['").removesuffix("']")
        yield Error(f"{problem.setting} {problem.problem}.", hint=SETTINGS[name].help, id="cache_warming.E006")
