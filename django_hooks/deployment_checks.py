"""Checks for a deployment, which ``manage.py check --deploy`` and ``warm_cache --preflight`` make.

They read every template, or say what is right on a developer's machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import django
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name for it
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.template.base import Template
from django.template.defaulttags import CsrfTokenNode
from django.template.loader_tags import ExtendsNode, IncludeNode

from url_manifests.errors import ConfigurationError

from . import conf, stores, strategies
from .warmers import FragmentWarmer, Registry
from .warmers.cache_nodes import template_names
from .warmers.fragments import why_missing
from .warmers.registry import project_warmers

_DEPTH: Final = 5
_SHOWN: Final = 5


def check_deployment(app_configs: Iterable[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's signature
    """All of them."""
    try:
        release = conf.get("RELEASE")
    except ConfigurationError:
        release = ""  # `check_cache_warming` says so.
    return [*_csrf(), *(_shared_keys() if release else ()), *_debug(), *_missing()]


def _csrf() -> Iterator[CheckMessage]:
    if names := sorted(csrf_in_bases()):
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield Warning(
            f"Templates that others extend render a csrf token: {', '.join(names[:_SHOWN])}{more}. No page made with "
            "them is ever kept by the page cache.",
            hint="Load the form that needs the token on demand, or let scripts take it from another view's cookie.",
            id="cache_warming.W033",
        )


def csrf_in_bases() -> set[str]:
    """Templates that others extend, and that render ``{% csrf_token %}`` themselves or in what they include."""
    templates: dict[str, Template] = {}
    for engine in engines.all():
        if isinstance(engine, DjangoTemplates):
            templates |= dict(_compiled(engine))
    bases = {name for template in templates.values() for name in _named(template, ExtendsNode, "parent_name")}
    return {name for name in bases if _is_the_sites(templates.get(name)) and _has_token(name, templates, _DEPTH)}


def _is_the_sites(template: Template | None) -> bool:
    """Not one of Django's own: nobody warms the admin."""
    return template is not None and Path(django.__path__[0]) not in Path(template.origin.name).parents


def _compiled(engine: DjangoTemplates) -> Iterator[tuple[str, Template]]:
    for name in set(template_names(engine)):
        try:
            yield name, engine.get_template(name).template
        except Exception:  # noqa: BLE001, S112 - a file that is no template; warm_cache --list names those
            continue


def _has_token(name: str, templates: dict[str, Template], depth: int) -> bool:
    if (template := templates.get(name)) is None or depth == 0:
        return False
    if template.nodelist.get_nodes_by_type(CsrfTokenNode):
        return True
    return any(_has_token(included, templates, depth - 1) for included in _named(template, IncludeNode, "template"))


def _named(template: Template, kind: type, attribute: str) -> Iterator[str]:
    """The names, given as texts, in the tags of one kind."""
    for node in template.nodelist.get_nodes_by_type(kind):
        name = getattr(getattr(node, attribute), "var", None)
        if isinstance(name, str):
            yield name


def _shared_keys() -> Iterator[CheckMessage]:
    private = stores.private_aliases()
    for alias, options in settings.CACHES.items():
        if alias in private or any(options.get(name) for name in ("KEY_PREFIX", "VERSION", "KEY_FUNCTION")):
            continue
        yield Warning(
            f"The cache {alias!r} has no KEY_PREFIX, so this release reads and overwrites what another release keeps.",
            hint="Put the release into KEY_PREFIX, unless what is kept means the same in both.",
            id="cache_warming.W034",
        )


def _debug() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Warning(
            "DEBUG is on: every query of a run is kept in memory, and error pages show settings.",
            hint="Switch it off where visitors, or a crawl, come.",
            id="cache_warming.W035",
        )


def _missing() -> Iterator[CheckMessage]:
    """What strategies and fragments name, and nobody has. This imports the project's warmers."""
    try:
        registry = project_warmers()
        declared = [strategies.read(name) for name in strategies.names()]
    except ConfigurationError:
        return  # As above.
    if not registry.broken:  # What is named may be in there; the run says which, and why.
        yield from _missing_in_strategies(registry, declared)
    for warmer in registry:
        if isinstance(warmer, FragmentWarmer) and (problem := why_missing(warmer)):
            yield Warning(
                f"The fragment of {warmer.name} cannot be rendered: {problem}.",
                hint="manage.py warm_cache --list names all fragments, and the templates that are broken.",
                id="cache_warming.W037",
            )


def _missing_in_strategies(registry: Registry, declared: Iterable[strategies.Strategy]) -> Iterator[CheckMessage]:
    problems = dict[str, None]()
    for strategy in declared:
        try:
            strategies.choose(registry, strategy)
        except ConfigurationError as error:
            problems[str(error)] = None  # What warmers depend on is the same in each.
    for problem in problems:
        yield Warning(
            f"{problem}.",
            hint="manage.py warm_cache --list names all warmers.",
            id="cache_warming.W036",
        )
