"""Caches that live inside each process: found and pointed out, since no command can warm them for the web workers.

`fill_django` warms those of Django itself, in the process that calls it: after ``get_wsgi_application()`` or from a
server's post-fork hook, not from a command.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from django.apps import apps

_WRAPPER: Final = type(functools.cache(int))
_INSTALLED: Final = ("site-packages", "dist-packages")
"""Folders of what others wrote, where nothing is the project's to change."""


@dataclass(frozen=True, slots=True)
class PerProcess:
    """One cache of which each process has its own."""

    name: str
    kind: str
    advice: str


def find() -> Iterator[PerProcess]:
    """Those of Django that the project uses, and each ``functools`` cache in the project's imported modules."""
    if apps.is_installed("django.contrib.contenttypes"):
        yield PerProcess("ContentType.objects", "content types", "a query for each type and process; see fill_django")
    if apps.is_installed("django.contrib.sites"):
        yield PerProcess("Site.objects.get_current()", "sites", "a query for each process; see fill_django")
    for module in list(sys.modules.values()):
        if _is_the_projects(module):
            yield from _in_module(module)


def fill_django() -> None:
    """Load all content types, and the current site, into this process: a query for each of the two."""
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType  # noqa: PLC0415 - only where it is installed

        ContentType.objects.get_for_models(*apps.get_models())
    if apps.is_installed("django.contrib.sites"):
        from django.contrib.sites.models import Site  # noqa: PLC0415 - as above

        Site.objects.get_current()


def _is_the_projects(module: ModuleType | None) -> bool:
    name = getattr(module, "__name__", "")
    file = getattr(module, "__file__", None)
    if not file or any(part in _INSTALLED for part in Path(file).parts):
        return False
    owners = (config.name for config in apps.get_app_configs() if config.label != "cache_warming")
    return any(name == owner or name.startswith(f"{owner}.") for owner in owners)


def _in_module(module: ModuleType) -> Iterator[PerProcess]:
    for name, value in vars(module).copy().items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, _WRAPPER):
            yield _found(f"{module.__name__}.{name}")
        elif inspect.isclass(value):
            yield from _in_class(value)


def _in_class(owner: type[Any]) -> Iterator[PerProcess]:
    for name, value in vars(owner).items():
        if isinstance(getattr(value, "__func__", value), _WRAPPER):
            yield _found(f"{owner.__module__}.{owner.__qualname__}.{name}")


def _found(name: str) -> PerProcess:
    return PerProcess(name, "functools cache", "each worker fills its own; @cached keeps it where all see it")
